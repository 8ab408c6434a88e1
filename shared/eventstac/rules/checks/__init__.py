"""What is wrong with rules that can be read: said with line and remedy, before they are in force."""
