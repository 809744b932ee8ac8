"""What makes the Python package a ROS package: files below share/ and lib/.

pyproject.toml is what counts for all metadata. The few lines repeated here serve
`colcon build --symlink-install` with the setuptools of ROS 2 Jazzy, which works in a folder of
links without pyproject.toml.
"""

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'mm_perception'


def files_below(folder: str) -> list[tuple[str, list[str]]]:
    """Every file of a source folder, under the same path in the package's share folder."""
    found: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob('*')):
        if path.is_file() and '__pycache__' not in path.parts:
            found.setdefault(f'share/{NAME}/{path.parent.as_posix()}', []).append(path.as_posix())
    return list(found.items())


distribution = setup(
    name=NAME,
    version='0.1.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed', '**/*.xml', 'weights/*/*', 'world/spoken/*.ogg']},
    entry_points={'console_scripts': ['mmp = mm_perception.cli.main:main']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        *files_below('launch'),
        *files_below('config'),
        # For `ros2 run` and launch. Console scripts would not do: pip puts them into bin/ only.
        (f'lib/{NAME}', ['resource/lib/container', 'resource/lib/mmp']),
    ],
)
# colcon prints this object and reads it back as literals, which a SpecifierSet is not.
for holder in (distribution, distribution.metadata):
    if getattr(holder, 'python_requires', None):
        vars(holder)['python_requires'] = str(holder.python_requires)
