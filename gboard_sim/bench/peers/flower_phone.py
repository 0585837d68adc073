"""What a Flower client does: a module of its own, so that each actor keeps what it has loaded."""

import os
from functools import cache
from pathlib import Path

import torch
from cifg import Cifg
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from phone_text import PhoneText

app = ClientApp()


@cache
def tools() -> tuple[PhoneText, Cifg, torch.optim.Optimizer]:
    """The text, the model and its optimiser, made once for each actor process."""
    torch.set_num_threads(1)
    text = PhoneText(Path(os.environ["GBOARD_WORK"]))
    model = Cifg(text.sizes, text.textbook)
    return text, model, torch.optim.SGD(model.parameters(), lr=text.learning_rate)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the phone that this node plays in this round."""
    text, model, optimizer = tools()
    number = int(message.content["config"]["server-round"]) - 1
    place = int(context.node_config["partition-id"])
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    for inputs, targets in text.batches(number, place):
        optimizer.zero_grad()
        model.loss(inputs, targets).backward()
        optimizer.step()
    metrics = MetricRecord({"num-examples": float(text.weights[number, place])})
    content = RecordDict({"arrays": ArrayRecord(model.state_dict()), "metrics": metrics})
    return Message(content=content, reply_to=message)
