"""The same network behind FastAPI and PyTorch, for crates/studio/browser/load.mjs to ask beside `gany serve`.

serve.py CHECKPOINT answers `/v1/sample?number=N` with a PNG of the generator of a `dcgan` in a run's checkpoint
(`checkpoints/step-*.safetensors`), one picture for each question, as a first server of this kind is written. The address is
printed as a line of JSON. Pictures are not those of `gany`: z is drawn by PyTorch.
"""

import io
import json
import socket
import sys

import fastapi
import torch
import uvicorn
from PIL import Image
from safetensors.torch import load_file


class Generator(torch.nn.Module):
    """z `[n, z_dim]` to pictures `[n, channels, height, width]` in [-1, 1]."""

    def __init__(self, path):
        super().__init__()
        saved = load_file(path)
        own = {tuple(name.split(".")[1:]): value for name, value in saved.items() if name.startswith("generator.")}
        layers = []
        for number in sorted({int(number) for number, _ in own}):
            w = {name: value for (at, name), value in own.items() if int(at) == number}
            if "running_mean" in w:
                layer = torch.nn.BatchNorm2d(len(w["bias"]))
                names = {"weight": "weight", "bias": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
                layer.load_state_dict({to: w[name] for name, to in names.items()}, strict=False)
                layers += [layer, torch.nn.ReLU()]
            else:
                kernel = w["weight"].permute(3, 2, 0, 1).contiguous()
                stride, padding = (2, 1) if layers else (1, 0)
                layer = torch.nn.ConvTranspose2d(*kernel.shape[:2], kernel.shape[2:], stride, padding, bias=False)
                layer.load_state_dict({"weight": kernel})
                layers.append(layer)
        self.layers = torch.nn.Sequential(*layers, torch.nn.Tanh())
        self.z_dim = layers[0].in_channels

    def forward(self, z):
        return self.layers(z[:, :, None, None])


def main():
    generator = Generator(sys.argv[1]).eval()
    app = fastapi.FastAPI()

    @app.get("/v1/sample")
    def sample(number: int = 0):
        key = torch.Generator().manual_seed(number)
        with torch.inference_mode():
            x = generator(torch.randn(1, generator.z_dim, generator=key))[0]
        levels = ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(levels.squeeze(-1) if levels.shape[-1] == 1 else levels).save(file, "PNG")
        return fastapi.Response(file.getvalue(), media_type="image/png")

    with socket.create_server(("127.0.0.1", 0)) as place:
        print(json.dumps({"address": f"http://127.0.0.1:{place.getsockname()[1]}/"}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[place])


main()
