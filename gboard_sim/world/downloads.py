"""What phones download: the whole model, or through a codec the way there from one they hold."""

from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.downlink import PublishedChain
from gboard_sim.learning.model.spec import parameter_count
from gboard_sim.seam.protocols import Triggered
from gboard_sim.world.world import World


def model_bytes(made: World, tokens: int) -> int:
    """Bytes of a model on the way down: every parameter in float32, framed as the codec fp32 is.

    Where phones compare their signs with the last step's, those come with it: a bit a
    number that travels.
    """
    parameters, schedule = parameter_count(made.spec, tokens), made.schedule
    compares = isinstance(schedule, Triggered) and schedule.looks_at == "sign_agreement"
    signs = -(-made.wire(tokens).parameters // 8) if compares else 0
    return Fp32().payload_bytes(parameters) + signs


def published_chain(made: World, tokens: int) -> PublishedChain | None:
    """What phones download where the downlink goes through a codec.

    In the other arms it costs the same, and loses nothing: no phone there trains for the server.
    """
    if made.downlink is None:
        return None
    wire = made.wire(tokens)
    return PublishedChain(
        made.downlink,
        model_bytes=model_bytes(made, tokens),
        parameters=wire.parameters,
        wire=wire,
        lossy=made.experiment.run.arm == "federated",
    )
