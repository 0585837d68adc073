import json

from gboard_sim.learning.text.corpus_reader import inspect


def test_facts_of_a_hand_counted_file(tmp_path):
    sizes = {"a": 1, "b": 2, "c": 3, "d": 10}
    rows = [
        {"user": user, "text": f"hello number{n}", "time": f"2020-01-{n + 1:02}T10:00:00"}
        for user, size in sizes.items()
        for n in range(size)
    ]
    rows += [{"user": "d", "text": "hello", "time": None}, {"user": "e", "text": "5", "time": None}]
    path = tmp_path / "text.jsonl"
    path.write_text("\n".join([*map(json.dumps, rows), "{"]))
    assert inspect(path).as_dict() == {
        "source": str(path),
        "lines": 19,
        "users": 4,
        "utterances": 17,
        "words": 33,
        "distinct_words": 11,
        "utterances_per_user_min": 1,
        "utterances_per_user_median": 2.5,
        "utterances_per_user_mean": 4.25,
        "utterances_per_user_p90": 8.6,  # linear between 3 and 11: 3 + 0.7 * 8
        "utterances_per_user_max": 11,
        "words_per_utterance_mean": 1.94,
        "first_time": "2020-01-01T10:00:00+00:00",
        "last_time": "2020-01-10T10:00:00+00:00",
        "timeless_utterances": 1,
        "wordless_utterances": 1,
        "textless_users": 1,
        "bad_lines": 1,
        "first_bad_lines": [
            "line 19: not JSON (Expecting property name enclosed in double quotes at column 2)"
        ],
    }
