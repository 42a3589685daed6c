"""Class tables, and the prompts that each dataset makes from them."""
