"""The words that have a number of their own on the wire."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Word 0 of `single` is the empty one; each of `double` is a table of 256."""

    single: tuple[str, ...]
    double: tuple[tuple[str, ...], ...]
    numbers: dict[str, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {
            word: bytes([236 + table, number])
            for table, words in enumerate(self.double)
            for number, word in enumerate(words)
        }
        numbers.update({word: bytes([number]) for number, word in enumerate(self.single) if number})
        object.__setattr__(self, "numbers", numbers)


# What is kept in a store must be readable with the dictionary of a later library.
NO_WORDS = Dictionary(("",), ())
