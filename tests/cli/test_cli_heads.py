"""`electrode train` from a network of another scheme, with weights that rest, and with frames that are replayed."""

import json
import re

TINY = "representation: {kind: invariant, channels: 4, radial_functions: 4}, readout_hidden: 4"


def trained(call, scheme, *more, data="@data.xyz"):
    return call("train", data, "--scheme", scheme, "--seed", "3", "--output", scheme, *more)


def test_neutral_frames_first_then_few_weights_on_the_charged_ones(call, tmp_path, shared):
    (tmp_path / "first.yaml").write_text(f"model: {{variable: charge, {TINY}}}\ntrain: {{epochs: 1, validate_every: 1, terms: [{{quantity: energy}}, {{quantity: forces}}]}}\n")
    (tmp_path / "then.yaml").write_text("train: {epochs: 1, validate_every: 1, freeze: [{weights: representation}, {weights: readout, until: 0, rate: 0.1}]}\n")
    neutral = "\n".join(_frames((shared / "data.xyz").read_text(), 1, 3)) + "\n"
    (tmp_path / "neutral.xyz").write_text(neutral)
    code, _, err = trained(call, "template-a", "--config", "first.yaml", data="neutral.xyz")
    assert code == 0, err
    code, _, err = trained(call, "correction", "--start", "template-a", "--config", "then.yaml")
    assert code == 0, err
    code, out, err = trained(call, "multihead", "--start", "template-a", "--config", "then.yaml", "--replay", "neutral.xyz", "--plot", "c.png", "--log-file", "l.csv")
    assert code == 0, err
    history = json.loads((tmp_path / "multihead" / "history.json").read_text())
    assert {"neutral_forces", "electrified_forces", "validation_forces"} <= set(history[1]) and (tmp_path / "c.png").is_file()
    assert call("evaluate", "@data.xyz", "--model", "multihead")[0] == 0
    code, _, err = trained(call, "dual", "--start", "template-a")
    assert code == 2 and "expected a model of the scheme 'dual'" in err
    code, _, err = trained(call, "template-f", "--replay", "neutral.xyz")
    assert code == 2 and "--replay is for --scheme multihead alone" in err
    code, _, err = call("train", "@data.xyz", "--scheme", "multihead", "--replay", "neutral.xyz", "--members", "2", "--resume", "--output", "several")
    assert code == 2 and "keeps no checkpoint of them" in err


def _frames(text, offset, stride):
    """Yield every `stride`-th frame of extended XYZ, as text."""
    lines = text.splitlines()
    size = int(re.match(r"\s*(\d+)", lines[0])[1]) + 2
    for k in range(offset * size, len(lines), stride * size):
        yield "\n".join(lines[k : k + size])
