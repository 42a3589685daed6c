"""Export the images of a set or a mixture as other software reads them, with all that is known of each."""
