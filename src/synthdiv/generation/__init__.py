"""Text-to-image generation."""
