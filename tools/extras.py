"""Optional extras: packages beside an environment, for plugins that few people use.

An extra is a folder of packages below the environment that it was built for, and goes when that
goes. Commands see it from then on; uv.lock knows nothing of it. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import building
from environment import ROOT, STAMP, site_packages

#: Requirements of an extra: `<name>.txt`, and `<name>_build.txt` of what it is compiled with.
REQUIREMENTS = ROOT / 'tools'
NAMES = ('mmdet3d',)
_MMCV_VERSION = '2.1.0'
_MMCV_HASH = 'sha256:d387bcab66b467479b6660310e23746cfc79c6e57acf04094680adb499a5cd3f'


def build(name: str, env: Path) -> None:
    """Build an extra for an environment, or wait for whoever is building it.

    Raises:
        BuildError: There is no such extra, or a step failed.
    """
    if name not in NAMES:
        raise building.BuildError(f'there is no extra {name!r}; there are: {", ".join(NAMES)}')
    folder = env / 'extras' / name
    wanted = _digest(name)
    uv = building.locate_uv()
    with building.lock(env / 'extras'):  # of its own: set-ups need not wait for a compiler
        stamp = folder / STAMP
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        wheel = _mmcv_wheel(uv, env)
        shutil.rmtree(folder, ignore_errors=True)
        install = (uv, 'pip', 'install', '--quiet', '--python', str(env / 'bin' / 'python'))
        options = (*install, '--no-deps', '--target', str(folder))
        requirements = REQUIREMENTS / f'{name}.txt'
        building.run('install the extra', *options, '--require-hashes', '-r', str(requirements))
        building.run('install mmcv', *options, str(wheel))
        stamp.write_text(wanted)
        building.say(f'extra {name} is complete: {folder}')


def _digest(name: str) -> str:
    files = (REQUIREMENTS / f'{name}.txt', REQUIREMENTS / f'{name}_build.txt')
    return hashlib.sha256(b'\0'.join(path.read_bytes() for path in files)).hexdigest()


def _mmcv_wheel(uv: str, env: Path) -> Path:
    """The wheel of mmcv with its operators, compiled once against the environment's torch.

    Its authors publish no wheel for a torch of the last years.
    """
    built = env / 'extras' / 'wheels'
    found = sorted(built.glob(f'mmcv-{_MMCV_VERSION}-*.whl'))
    if found:
        return found[0]
    building.say('compiling mmcv: 10 minutes or more on a free core, 2 GB for each of MAX_JOBS')
    has_cuda_compiler = bool(os.environ.get('CUDA_HOME') or shutil.which('nvcc'))
    if not has_cuda_compiler:
        building.say('there is no nvcc: it is compiled for the CPU only')
    scratch = env / 'extras' / building.SCRATCH.name / 'mmcv'
    tools = scratch / 'venv'
    python = str(tools / 'bin' / 'python')
    base = str(env / 'bin' / 'python')
    building.run(
        'create a build environment', uv, 'venv', '--quiet', '--no-project', '--python', base,
        str(tools),
    )  # fmt: skip
    building.run(
        'install build tools', uv, 'pip', 'install', '--quiet', '--python', python, '--no-deps',
        '--require-hashes', '-r', str(REQUIREMENTS / 'mmdet3d_build.txt'),
    )  # fmt: skip
    (site_packages(tools) / 'environment.pth').write_text(f'{site_packages(env)}\n')  # torch
    (scratch / 'mmcv.txt').write_text(f'mmcv=={_MMCV_VERSION} --hash={_MMCV_HASH}\n')
    options = ('--quiet', '--no-deps', '--no-binary', ':all:', '--no-build-isolation')
    building.run(
        'fetch mmcv', python, '-m', 'pip', 'download', *options, '--dest', str(scratch),
        '--require-hashes', '-r', str(scratch / 'mmcv.txt'),
    )  # fmt: skip
    source = _unpack(next(scratch.glob('mmcv-*.tar.gz')), scratch)
    building.run(
        'compile mmcv', python, 'setup.py', '--quiet', 'bdist_wheel', '--dist-dir', str(scratch),
        cwd=source,
        variables={
            'PATH': f'{tools / "bin"}{os.pathsep}{os.environ["PATH"]}',  # ninja
            'MMCV_WITH_OPS': '1',
            'MAX_JOBS': os.environ.get('MAX_JOBS', str(os.cpu_count() or 1)),
            'CFLAGS': '-g0 -O2',
            # mmcv compiles for CUDA where torch sees a GPU, and fails without nvcc.
            **({} if has_cuda_compiler else {'CUDA_VISIBLE_DEVICES': ''}),
        },
    )  # fmt: skip
    built.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(str(next(scratch.glob('mmcv-*.whl'))), built))


def _unpack(archive: Path, scratch: Path) -> Path:
    """The sources of mmcv, told to compile for C++20: the headers of today's torch need it."""
    shutil.unpack_archive(archive, scratch)  # pip has checked its hash
    source = scratch / archive.name.removesuffix('.tar.gz')
    setup = source / 'setup.py'
    setup.write_text(setup.read_text().replace('c++17', 'c++20'))
    return source
