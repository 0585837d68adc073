"""CSV as programs write it and as people break it."""

import csv
import gzip
from contextlib import nullcontext, suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text.corpus_reader import inspect, read_corpus
from gboard_sim.learning.text.message import LONGEST

HEAD = b"user,text,time\n"
GOOD = b"amy,Hello there,1970-01-01T00:01:00\n"


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="text.csv"):
        path = tmp_path / name
        path.write_bytes(b"".join(lines))
        return path

    return write


def said(corpus):
    """The users with their words, message by message."""
    return [
        (
            corpus.users[corpus.user[m]],
            " ".join(corpus.lexicon[w] for w in corpus.gather(np.array([m]))[0]),
        )
        for m in range(corpus.messages)
    ]


def test_quotes_separators_line_ends_and_further_columns(write):
    path = write(
        b"\xef\xbb\xbfid, time ,text,user\r\n",
        b'1,1970-01-01T00:00:05Z,"Hello, ""you""\r\nthere\ntoo",amy\r\n',
        b"\r\n",
        b"   \r\n",
        b'2,,plain words,"b\xc3\xb6b"',
    )
    reading = read_corpus(path)
    assert said(reading.corpus) == [("amy", "hello you there too"), ("böb", "plain words")]
    np.testing.assert_array_equal(reading.corpus.time_s, [5.0, np.nan])
    assert (reading.lines, reading.bad_lines) == (2, 0)


@pytest.mark.parametrize("separator", [b",", b"\t", b";"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.CSV.gz"])
def test_the_header_tells_what_separates_columns(write, separator, name):
    content = (HEAD + b"amy,one two,\n").replace(b",", separator)
    path = write(gzip.compress(content) if name.endswith("gz") else content, name=name)
    assert said(read_corpus(path).corpus) == [("amy", "one two")]


BAD = {
    b"amy,hello\n": "2 columns, where the header has 3",
    b"amy,hello, there,\n": "4 columns, where the header has 3",
    b'amy,"hello" there,\n': r"not CSV \(',' expected after '\"'\)",
    b",hello,\n": 'user="" is not a name',
    b"amy,hello,yesterday\n": 'time="yesterday" is neither ISO 8601 nor null',
    b"amy,hello,null\n": 'time="null" is neither',
    b"amy,hel\xfflo,\n": "not UTF-8 .byte 0xff in column `text`",
    b"\xc3,hello,\n": "not UTF-8 .byte 0xc3 in column `user`",
    b"a\rb,hello,\n": "not CSV .*new-line character",
    b"amy," + b"x" * LONGEST + b",\n": f"longer than the {LONGEST} bytes",
    b'amy,"' + b"xy\n" * (LONGEST // 3) + b'zz",\n': "field larger than field limit",
}


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_first_bad_row_is_refused_with_file_line_reason_and_hint(write, bad):
    path = write(HEAD, b'amy,"two\nlines",\n', bad, GOOD)
    with pytest.raises(CorpusError, match=BAD[bad]) as refused:
        read_corpus(path)
    message = str(refused.value)
    assert message.startswith(f"{path}, line 4: ")
    assert "allowed: as many columns" in message
    assert "text.skip_bad_lines" in message
    assert "\n" not in message


def test_bad_rows_are_counted_where_they_may_be_skipped(write):
    before = csv.field_size_limit()
    reading = read_corpus(write(HEAD, GOOD, *BAD, GOOD), skip_bad_lines=True)
    assert reading.bad_lines == len(BAD)
    assert reading.corpus.messages == 2
    assert [bad.place for bad in reading.first_bad_lines] == [f"line {n}" for n in range(3, 8)]
    assert csv.field_size_limit() == before  # it is one for the whole process


@pytest.mark.parametrize("skip", [False, True])
def test_a_quote_that_is_never_closed_is_refused_since_it_hides_what_follows(write, skip):
    path = write(HEAD, GOOD, b'amy,"oops,\n', GOOD, GOOD)
    with pytest.raises(CorpusError, match=r"line 3: a quote .* is never closed"):
        read_corpus(path, skip_bad_lines=skip)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "it is ''"),
        (b"\n", "it is ''"),
        (b"amy,hello,\n", "column `user` is missing among 'amy, hello, '"),
        (b"user,text\n", "column `time` is missing among 'user, text'"),
        (b"user;text;Time\n", "column `time` is missing among 'user, text, Time'"),
        (b"user,text,text,time\n", "column `text` is there more than once"),
        (b"user text time\n", "it is 'user text time'"),
        (b"\xff\xfeu\0s\0e\0r\0\n", "it is not UTF-8"),
        (b"user,text,time\ramy,hello,\r", "it is"),
        (b"x" * (LONGEST + 2), "longer than"),
        (b'{"user": "a", "text": "b", "time": null}\n', "column `user` is missing"),
    ],
)
@pytest.mark.parametrize("skip", [True, False])
def test_a_file_without_the_header_is_refused_whatever_may_be_skipped(write, content, found, skip):
    with pytest.raises(CorpusError) as refused:
        read_corpus(write(content), skip_bad_lines=skip)
    message = str(refused.value)
    assert found in message
    assert "line 1: no header" in message
    assert "hint: rename the columns" in message
    assert "\n" not in message


def test_a_header_alone_has_no_words(write):
    with pytest.raises(CorpusError, match="no words in 0 lines"):
        read_corpus(write(HEAD))


def test_a_truncated_gzip_of_csv_is_refused(write):
    packed = gzip.compress(HEAD + b"".join(b"amy,word%d,\n" % n for n in range(50)))
    with pytest.raises(CorpusError, match=r"gzip stream is damaged.*truncated"):
        read_corpus(write(packed[:-9], name="text.csv.gz"), skip_bad_lines=True)


def test_inspection_shows_bad_rows_by_line(write):
    facts = inspect(write(HEAD, GOOD, b"amy\n")).as_dict()
    assert facts["first_bad_lines"] == ["line 3: 1 column, where the header has 3"]


@given(st.lists(st.text(alphabet=',"\n\r\t ;aé\0\ud7ff', max_size=12).map(str.encode)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_are_read_or_counted(write, rows):
    path = write(HEAD, GOOD, *(row + b"\n" for row in rows))
    quotes = b"".join(rows).count(b'"')
    with suppress(CorpusError) if quotes else nullcontext():  # one of them may never be closed
        reading = read_corpus(path, skip_bad_lines=True)
        assert (
            reading.corpus.messages + reading.wordless_messages == reading.lines - reading.bad_lines
        )
        assert reading.corpus.messages >= 1
