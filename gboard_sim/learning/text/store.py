"""The text that trainers and evaluation read, as tokens in flat arrays that processes share.

A folder of `.npy` files, written once and memory-mapped by every worker. A *row* is a message;
rows longer than a model's cap stay rows here and are cut where they are packed.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import RunDirectoryError
from gboard_sim.keyboard.tokenizer import Ids, PieceTable
from gboard_sim.learning.text.batches import TokenStore
from gboard_sim.learning.text.corpus import Corpus, WordIds
from gboard_sim.learning.text.user_sets import UserSets
from gboard_sim.seam.records import Flags, Ints

RowSet = Literal["public", "fleet", "later", "validation", "test"]
"""`fleet` is what phones may train on, phone `p` being owner `p`; `later` is what those users
typed after it, the same owners. The other sets hold all their users' rows, see `TextRows.later`."""


@dataclass(frozen=True, slots=True)
class TextRows:
    """The rows of one set of users, by owner, then time.

    Attributes:
        first: Owner `o` has rows `first[o]:first[o + 1]`. Shape [owners + 1].
        message: The corpus's number of each row's message. Shape [rows].
        later: Whether the row is among the latest of its user: the column "later text" of the
            evaluation; all of `later`, none of `fleet`. Shape [rows].
        offsets: Row `r` is `tokens[offsets[r]:offsets[r + 1]]`. Shape [rows + 1].
        tokens: Token ids, without `<s>`. Shape [tokens].
        word_offsets: Row `r` is `words[word_offsets[r]:word_offsets[r + 1]]`. Shape [rows + 1].
        words: Lexicon ids: the same positions for baselines and ceiling. Shape [words].
        word_begins: Word `w` is `tokens[word_begins[w]:word_begins[w + 1]]`. Shape [words + 1].
    """

    first: Ints
    message: Ints
    later: Flags
    offsets: Ints
    tokens: Ids
    word_offsets: Ints
    words: WordIds
    word_begins: Ints

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.message)

    @property
    def owners(self) -> int:
        """Number of owners: users, or phones."""
        return len(self.first) - 1

    def lengths(self) -> Ints:
        """Tokens in each row: what a training pass over it costs. Shape [rows]."""
        return np.diff(self.offsets)

    def token_store(self) -> TokenStore:
        """The tokens alone, as training reads them."""
        return TokenStore(self.tokens, self.offsets)

    def owner(self) -> Ints:
        """The owner of each row. Shape [rows]."""
        return np.repeat(np.arange(self.owners), np.diff(self.first))


@dataclass(frozen=True, slots=True)
class TextStore:
    """The rows of all sets; see `RowSet`."""

    public: TextRows
    fleet: TextRows
    later: TextRows
    validation: TextRows
    test: TextRows

    def save(self, folder: Path) -> None:
        """Write the store to a folder, which is made."""
        for name in get_args(RowSet):
            within = folder / name
            within.mkdir(parents=True, exist_ok=True)
            rows: TextRows = getattr(self, name)
            for column in fields(rows):
                np.save(within / f"{column.name}.npy", getattr(rows, column.name))


def open_store(folder: Path) -> TextStore:
    """Map a stored folder into memory, read only: processes share its pages.

    Raises:
        RunDirectoryError: A file of the store is missing or damaged.
    """
    return TextStore(**{name: open_rows(folder, name) for name in get_args(RowSet)})


def open_rows(folder: Path, name: RowSet) -> TextRows:
    """Map one set of rows; see `open_store`."""
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for column in fields(TextRows):
        path = folder / name / f"{column.name}.npy"
        try:
            # A view of the map: indexing a plain array is quicker than a `memmap`.
            columns[column.name] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        except (OSError, ValueError, EOFError) as error:
            raise RunDirectoryError(
                f"{path}: not a file of a text store ({error}); allowed: the folder as it was "
                "written; hint: the store is made anew by every run"
            ) from None
    return TextRows(**columns)  # type: ignore[arg-type]  # the files' types are those saved


def build_store(
    corpus: Corpus, sets: UserSets, fleet: Ints, table: PieceTable, later: Flags
) -> TextStore:
    """The rows of every set.

    Args:
        corpus: The corpus.
        sets: Its users.
        fleet: The user behind each phone. Shape [phones].
        table: The pieces of the corpus's lexicon.
        later: Which messages are among the latest of their user. Shape [messages].
    """
    return TextStore(
        public=tokenize(corpus, sets.public, table, later),
        fleet=tokenize(corpus, fleet, table, later, kept=~later),
        later=tokenize(corpus, fleet, table, later, kept=later),
        validation=tokenize(corpus, sets.validation, table, later),
        test=tokenize(corpus, sets.test, table, later),
    )


def tokenize(
    corpus: Corpus, users: Ints, table: PieceTable, later: Flags, kept: Flags | None = None
) -> TextRows:
    """The rows of some users, who become owners in the order given.

    Args:
        corpus: The corpus.
        users: User numbers. Shape [owners].
        table: The pieces of the corpus's lexicon.
        later: Which messages are among the latest of their user. Shape [messages].
        kept: Which messages become rows; all by default. Shape [messages].
    """
    first, message = rows_of(corpus, users, kept)
    words, word_offsets = corpus.gather(message)
    tokens, word_begins = table.encode(words)
    return TextRows(
        first=first,
        message=message,
        later=later[message],
        offsets=word_begins[word_offsets],
        tokens=tokens,
        word_offsets=word_offsets,
        words=words,
        word_begins=word_begins,
    )


def rows_of(corpus: Corpus, users: Ints, kept: Flags | None = None) -> tuple[Ints, Ints]:
    """Where each user's rows begin (shape [owners + 1]), and their messages; see `tokenize`."""
    first, message = corpus.messages_of(users)
    if kept is None:
        return first, message
    stays = kept[message]
    return np.concatenate([[0], np.cumsum(stays)])[first], message[stays]
