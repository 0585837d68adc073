"""Every error that a user of gboard_sim can meet, drawn as a tree.

```
GboardSimError           a bad input or an unusable environment; the command line exits with 2
├── ExperimentError      an experiment file, a variant or an override that cannot be run
├── CatalogueError       an entry of devices/ or models/ that is missing or malformed
├── CorpusError          text that cannot be used: the file, the line and the reason
├── TraceError           a trace of phones that cannot be replayed: the file, the row, the phone
├── ArtefactError        a folder of exported files that is damaged, foreign, or not right
├── WebPageError         a keyboard page that cannot be made: its model, or onnxruntime-web
├── RunDirectoryError    a run directory that is missing, foreign, damaged, or not writable
├── IncompatibleError    a schedule, codec and mechanism that cannot compose
└── TimingChangedError   a re-learned run whose answers would change the recorded timing
InvariantError           a promise of the simulator that did not hold: please report it
GboardSimWarning         something that a user should know and that does not end a run
```

Messages name the file, the key, the value and what is allowed, and end with a hint.
"""


class GboardSimError(Exception):
    """A bad input or an unusable environment, said in one message."""


class ExperimentError(GboardSimError):
    """An experiment file, a variant or an override that cannot be run."""


class CatalogueError(GboardSimError):
    """An entry of `devices/` or `models/` that is missing or malformed."""


class CorpusError(GboardSimError):
    """Text that cannot be used: the file, the line and the reason."""


class TraceError(GboardSimError):
    """A trace of phones that cannot be replayed: the file, the row, the phone and the reason."""


class RunDirectoryError(GboardSimError):
    """A run directory that is missing, foreign, damaged, or cannot be written."""


class ArtefactError(GboardSimError):
    """A folder of exported files that is damaged, foreign, or does not do what torch does."""


class WebPageError(GboardSimError):
    """A keyboard page that cannot be made, because of its model or of onnxruntime-web."""


class IncompatibleError(GboardSimError):
    """A schedule, codec and mechanism that cannot compose, with the reason."""


class TimingChangedError(GboardSimError):
    """A learner whose answers would have changed the recorded fleet's timing."""


class GboardSimWarning(UserWarning):
    """Something that a user should know and that does not end a run."""


class InvariantError(Exception):
    """A promise of the simulator that did not hold: please report it."""
