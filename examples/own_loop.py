"""Train an emitted network in your own loop, without importing ganspec."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

SPEC = Path(__file__).parent.parent / "specs" / "dcgan.yaml"

# `ganspec build` writes plain PyTorch; from here on it is a module like any other.
subprocess.run([sys.executable, "-m", "ganspec", "build", SPEC, "-o", "my_dcgan.py"], check=True)
found = importlib.util.spec_from_file_location("my_dcgan", "my_dcgan.py")
my_dcgan = importlib.util.module_from_spec(found)
found.loader.exec_module(my_dcgan)

# Widths are the constructors' parameters: a narrow pair, to go fast.
torch.manual_seed(0)
generator = my_dcgan.Generator(z=16, ch=8)
discriminator = my_dcgan.Discriminator(ch=8)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))

images, _ = my_dcgan.load_images(count=128)
for step, batch in enumerate(images.split(32), 1):
    real = batch.float() / 127.5 - 1
    fake = generator(torch.randn(len(real), 16))

    d_loss = (
        F.softplus(-discriminator(real)).mean() + F.softplus(discriminator(fake.detach())).mean()
    )
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()

    g_loss = F.softplus(-discriminator(fake)).mean()
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    print(f"step {step}  d_loss {d_loss.item():.3f}  g_loss {g_loss.item():.3f}")
