"""The longest names that a blob can have."""

import random


def long_name(seed: int = 1, characters: int = 1000) -> str:
    """A thousand Chinese characters: nine bytes each in a URL, and no compression makes an index row of them."""
    chosen = random.Random(seed)
    return "".join(
        f"%{byte:02X}" for _ in range(characters) for byte in chr(chosen.randint(0x4E00, 0x9FFF)).encode()
    )
