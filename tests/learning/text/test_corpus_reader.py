import csv
import gzip
import io
import json
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gboard_sim.errors import CorpusError
from gboard_sim.keyboard.words import words
from gboard_sim.learning.text.corpus_reader import inspect, read_corpus, scan_corpus
from gboard_sim.learning.text.message import LONGEST

GOOD = b'{"user": "amy", "text": "Hello there, world!", "time": "1970-01-01T00:01:00"}\n'


def line(user="amy", text="hello", time=None, **more):
    return json.dumps({"user": user, "text": text, "time": time} | more).encode() + b"\n"


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="text.jsonl"):
        path = tmp_path / name
        path.write_bytes(b"".join(lines))
        return path

    return write


def test_words_times_and_users_of_a_hand_written_file(write):
    path = write(
        line("bob", "later words", "1970-01-01T01:00:00+01:00"),
        line("amy", "Same TIME second", "1970-01-02"),
        line("amy", "first", "1970-01-01T23:59:59Z"),
        line("amy", "same time third", "1970-01-02T00:00:00"),
        line("amy", "no time"),
    )
    corpus = read_corpus(path).corpus
    texts = [
        " ".join(corpus.lexicon[w] for w in corpus.gather(np.array([m]))[0])
        for m in range(corpus.messages)
    ]
    assert texts == ["first", "same time second", "same time third", "no time", "later words"]
    assert corpus.users == ("amy", "bob")
    assert corpus.user.tolist() == [0, 0, 0, 0, 1]
    np.testing.assert_array_equal(corpus.time_s, [86399.0, 86400.0, 86400.0, np.nan, 0.0])


def test_gzip_is_told_by_its_bytes_not_its_name(write):
    plain = read_corpus(write(GOOD, name="plain.gz"))
    packed = read_corpus(write(gzip.compress(GOOD), name="packed.jsonl"))
    assert plain.corpus.lexicon == packed.corpus.lexicon == ("hello", "there", "world")


def test_a_byte_order_mark_blank_lines_and_further_keys_are_no_matter(write):
    reading = read_corpus(write(b"\xef\xbb\xbf", GOOD, b"\n", b"  \t\r\n", line(channel="x")))
    assert (reading.lines, reading.bad_lines, reading.corpus.messages) == (2, 0, 2)


BAD = {
    b"{oops\n": "not JSON .*column 2",
    b"\n": None,
    b"[1, 2]\n": "a JSON list, not an object",
    b"null\n": "a JSON NoneType, not an object",
    b"[" * 100_000 + b"\n": "recursion",
    b'{"user": ' + b"9" * 5000 + b"}\n": "digits",
    b'{"text": "a", "time": null}\n': "key `user` is missing",
    b'{"user": "a", "time": null}\n': "key `text` is missing",
    b'{"user": "a", "text": "a"}\n': "key `time` is missing",
    b'{"user": "a", "text": "\xff", "time": null}\n': "not UTF-8 .byte 0xff at column 24.",
    line(user=""): 'user="" is not a name',
    line(user=" "): 'user=" " is not a name',
    line(user=7): "user=7 is not a name",
    line(text=None): "text=null is not a string",
    line(text=["x" * 100]): r"text=.*\.\.\. is not a string",
    line(time="yesterday"): 'time="yesterday" is neither ISO 8601 nor null',
    line(time="2024-13-01"): "neither ISO 8601 nor null",
    line(time=12): "time=12 is neither",
    line(time=[1]): "neither ISO 8601 nor null",
    line(time=True): "time=true is neither",
    line(time="9999-12-31T23:59:59-12:00"): "time=.* is outside the years 1 to 9999",
    line(text="x" * LONGEST): f"longer than the {LONGEST} bytes that a line may have",
}


@pytest.mark.parametrize("bad", [bad for bad, said in BAD.items() if said])
def test_first_bad_line_is_refused_with_file_line_reason_and_hint(write, bad):
    path = write(GOOD, b"\n", bad, b"{also bad\n")
    with pytest.raises(CorpusError, match=BAD[bad]) as refused:
        read_corpus(path)
    message = str(refused.value)
    assert message.startswith(f"{path}, line 3: ")
    assert "text.skip_bad_lines" in message
    assert "\n" not in message


def test_bad_lines_are_counted_where_they_may_be_skipped(write):
    bad = [bad for bad, said in BAD.items() if said]
    reading = read_corpus(write(GOOD, *bad, GOOD), skip_bad_lines=True)
    assert reading.bad_lines == len(bad)
    assert reading.lines == len(bad) + 2
    assert reading.corpus.messages == 2
    assert [bad.place for bad in reading.first_bad_lines] == [f"line {n}" for n in range(2, 7)]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("cut", [9, 12, 60, -9, -5, -1])
def test_a_truncated_gzip_is_refused_whatever_may_be_skipped(write, skip, cut):
    packed = gzip.compress(b"".join(line(text=f"word{n} a{n * n}") for n in range(50)))
    with pytest.raises(CorpusError, match=r"gzip stream is damaged.*truncated"):
        read_corpus(write(packed[:cut]), skip_bad_lines=skip)


def test_a_damaged_gzip_is_refused(write):
    packed = bytearray(gzip.compress(GOOD * 200))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(CorpusError, match="damaged"):
        read_corpus(write(bytes(packed)))


@pytest.mark.parametrize(
    "lines", [[], [b"\n\n"], [line(text="")], [line(text="42 :-)"), line(user="bob", text="!")]]
)
def test_a_corpus_without_words_is_refused(write, lines):
    with pytest.raises(CorpusError, match="no words in"):
        read_corpus(write(*lines))


def test_users_without_words_are_left_out_and_counted(write):
    reading = read_corpus(write(GOOD, line("bob", "..."), line("bob", "?!"), line("amy", "3")))
    assert reading.corpus.users == ("amy",)
    assert (reading.textless_users, reading.wordless_messages) == (1, 3)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"nothing.jsonl: cannot be read \(No such file"):
        read_corpus(tmp_path / "nothing.jsonl")
    with pytest.raises(CorpusError, match="cannot be read"):
        read_corpus(tmp_path)


@given(
    st.lists(
        st.tuples(st.text(min_size=1).filter(str.strip), st.text(), st.datetimes() | st.none())
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_as_the_word_rule_has_it(write, messages):
    rows = [line(user, text, time and time.isoformat()) for user, text, time in messages]
    reading = scan_corpus(write(*rows), skip_bad_lines=False)
    corpus = reading.corpus
    found = sorted(
        (corpus.users[corpus.user[m]], [corpus.lexicon[w] for w in corpus.gather(np.array([m]))[0]])
        for m in range(corpus.messages)
    )
    assert found == sorted((user, words(text)) for user, text, _ in messages if words(text))
    assert len(set(corpus.lexicon)) == len(corpus.lexicon)


def as_csv(rows, separator):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows([("user", "text", "time"), *rows])
    return out.getvalue().encode()


def as_parquet(rows, kind, time):
    out = io.BytesIO()
    user, text, at = zip(*rows, strict=True)
    table = {"user": pa.array(user).cast(kind), "text": pa.array(text).cast(kind)}
    pq.write_table(pa.table(table | {"time": pa.array(at, time)}), out, row_group_size=2)
    return out.getvalue()


PLAIN = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.lists(
        st.tuples(PLAIN.filter(str.strip), PLAIN, st.datetimes() | st.none()),
        min_size=1,
        max_size=6,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_rows_in_every_form_are_the_same_corpus(write, rows):
    iso = [(user, text, at and at.isoformat()) for user, text, at in rows]
    json_lines = b"".join(line(*row) for row in iso)
    forms = {
        "a.jsonl": json_lines,
        "a.jsonl.gz": gzip.compress(json_lines),
        "a.csv": as_csv(iso, ","),
        "a.csv.gz": gzip.compress(as_csv(iso, ",")),
        "a.tsv": as_csv(iso, "\t"),
        "semicolons.csv": as_csv(iso, ";"),
        "strings.parquet": as_parquet(iso, pa.string(), pa.string()),
        "large.parquet": as_parquet(rows, pa.large_string(), pa.timestamp("us")),
        "zone.parquet": as_parquet(
            rows, pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", "Europe/Zurich")
        ),
    }
    want, *others = [scan_corpus(write(form, name=name)) for name, form in forms.items()]
    for found in others:
        assert found.lines == want.lines == len(rows)
        assert (found.bad_lines, found.wordless_messages, found.textless_users) == (
            0, want.wordless_messages, want.textless_users,
        )  # fmt: skip
        for column in fields(found.corpus):
            if column.name != "source":
                one, other = (getattr(r.corpus, column.name) for r in (want, found))
                np.testing.assert_array_equal(one, other)


@given(st.lists(st.binary(max_size=60)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(write, lines):
    path = write(GOOD, *(raw + b"\n" for raw in lines))
    reading = read_corpus(path, skip_bad_lines=True)
    assert reading.corpus.messages + reading.wordless_messages == reading.lines - reading.bad_lines


def test_inspection_shows_a_file_of_bad_lines(write):
    facts = inspect(write(b"{\n", b"[]\n")).as_dict()
    assert facts["bad_lines"] == 2
    assert facts["first_bad_lines"][1] == "line 2: a JSON list, not an object"
    assert facts["utterances_per_user_median"] is None
