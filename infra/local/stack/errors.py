"""What can go wrong with the laptop stack."""


class StackError(Exception):
    """The stack cannot start or go on; the text is a sentence for the person at the keyboard."""
