"""Every cause that the doctor knows, in the order from root to symptom; the page is made of it.

`docs/doctor.md` shows this table; a test compares both, and this table with what the checks say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One cause.

    Attributes:
        meaning: What is the case, one phrase.
        why: What it does to perception, and where it comes from.
        mend: What to do; the finding itself says it with the names of the case.
        explains: Causes that are its consequences where they name the same topic, node or frame.
        explains_all: Consequences whatever they name.
    """

    meaning: str
    why: str
    mend: str
    explains: tuple[str, ...] = ()
    explains_all: tuple[str, ...] = ()


_UNFED = ('display_topic', 'display_frame')
_EMPTY = ('no_publisher', 'node_absent', 'no_clock', *_UNFED)
_SILENCE = ('nothing_arrives', 'stream_gap', 'diagnostic')

CAUSES: Mapping[str, Cause] = {
    'discovery_off': Cause(
        'discovery is switched off',
        'With `ROS_AUTOMATIC_DISCOVERY_RANGE=OFF` no node finds any other.',
        '`export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST` (one machine) or `SUBNET`',
        explains_all=('wrong_domain', 'nobody_here', *_EMPTY),
    ),
    'wrong_domain': Cause(
        'what is missing here is published in another domain',
        'Nodes with different `ROS_DOMAIN_ID` never see each other. The doctor looks for a few '
        'seconds into the domains of the ROS processes of this machine.',
        '`export ROS_DOMAIN_ID=N` with the number that the finding names',
        explains=('no_publisher', 'diagnostic'),
        explains_all=('nobody_here', 'node_absent', *_UNFED),
    ),
    'nobody_here': Cause(
        'nothing at all is published in this domain',
        'Nothing was started, or it runs on a machine that discovery does not reach.',
        'start the nodes; compare `ROS_DOMAIN_ID` and `ROS_AUTOMATIC_DISCOVERY_RANGE` of both '
        'shells; let the network pass UDP multicast',
        explains_all=_EMPTY,
    ),
    'low_shm': Cause(
        '/dev/shm has no room for another process',
        'Every ROS process allocates a shared-memory segment. Without room it falls back to UDP, '
        'which loses large best-effort messages.',
        '`docker run --shm-size=1g`; `fastdds shm clean` removes what killed processes left',
        explains_all=('nothing_arrives',),
    ),
    'type_hash_mismatch': Cause(
        'one type name, two definitions',
        'Two versions of an interface package: the endpoints do not match, nothing arrives and '
        'nothing is logged.',
        'the same version of the package on both sides, rebuilt, restarted',
        explains=_SILENCE,
    ),
    'type_conflict': Cause(
        'two types under one topic name',
        'Endpoints of different types never match.',
        'remap one of them',
        explains=('wrong_type', *_SILENCE),
    ),
    'wrong_type': Cause(
        'an input of the stack has another type than the plugin takes',
        'The topic exists, the node cannot use it.',
        'name another topic in the stack, or remap the driver',
        explains=('diagnostic',),
    ),
    'qos_mismatch': Cause(
        'publisher and subscription have QoS that do not match',
        'A reliable subscription gets nothing from a best-effort publisher; a transient-local one '
        'nothing from a volatile publisher.',
        'set the policy that the finding names on one of both sides',
        explains=_SILENCE,
    ),
    'large_best_effort': Cause(
        'best-effort messages are larger than the shared memory of their publisher',
        'The default Fast DDS segment has 0.5 MB: a raw 640x480 colour picture does not fit. '
        'Unless the reader is faster than the writer, most or all are lost, without a word.',
        '`eval "$(mmp doctor --profile)"` in the shell of the publisher, or publish reliable',
        explains=_SILENCE,
    ),
    'no_publisher': Cause(
        'somebody listens, nobody publishes',
        'The driver does not run, or its topic has another name.',
        'remap, or start the driver; the finding names topics of that type which exist',
        explains=('diagnostic',),
    ),
    'model_missing': Cause(
        'the weights of a node are not on this machine',
        'Nothing downloads by itself; the node stays unconfigured.',
        '`mmp fetch ORG/NAME`, or another value of its `weights` parameter',
        explains=('node_inactive', 'diagnostic'),
    ),
    'device_missing': Cause(
        'a node asks for a GPU that is not there',
        'No GPU, no driver, or a torch without CUDA. A node never changes its device by itself.',
        '`device: auto` or `cpu`, or a torch that fits the driver; in docker `--gpus all`',
        explains=('node_inactive', 'diagnostic'),
    ),
    'library_missing': Cause(
        'a node needs a library that is not installed',
        'It stays unconfigured.',
        'the command that the finding names',
        explains=('node_inactive', 'diagnostic'),
    ),
    'cpu_fallback': Cause(
        'a node computes on the CPU although there is a GPU',
        '`device: auto` takes the GPU only where torch can use it.',
        'the CUDA build of torch that fits the driver; in docker `--gpus all`',
    ),
    'no_clock': Cause(
        'nodes use simulated time and nobody publishes /clock',
        'With `use_sim_time` and no /clock, time stands still at zero.',
        'play the bag with `--clock`, start the simulator, or `use_sim_time:=false`',
        explains=('other_clock', 'stamp_skew', 'diagnostic'),
    ),
    'other_clock': Cause(
        'stamps are of another clock than the nodes use',
        'Simulated or recorded stamps while the nodes use wall time: TF and matching fail.',
        '`use_sim_time:=true` for the nodes and `--clock` for the player',
        explains=('stamp_skew', 'sensor_skew', 'tf_gap', 'diagnostic'),
    ),
    'unstamped': Cause(
        'stamps are zero',
        'Nothing can be matched or transformed.',
        'let the driver fill `header.stamp`',
        explains=('diagnostic',),
    ),
    'stamp_skew': Cause(
        'stamps lag behind the clock, or lie in the future',
        'A backlog, or the clocks of two machines differ. TF is looked up at the stamp.',
        'chrony or PTP between machines; shorter queues in the driver',
        explains=('sensor_skew', 'tf_gap', 'diagnostic'),
    ),
    'sensor_skew': Cause(
        'the stamps of two sensors run apart',
        'Camera and LiDAR cannot be matched within `tolerance_s`.',
        'synchronise both drivers (PTP, hardware trigger), or raise `tolerance_s`',
    ),
    'backward_stamps': Cause(
        'stamps of one topic jump back',
        'Two publishers on one topic, a looping bag, or a clock that was set.',
        'stop one of the publishers',
    ),
    'unsupported_encoding': Cause(
        'pictures have an encoding that cannot be converted',
        'Every picture is refused.',
        'set the driver to one of the encodings that the finding lists',
        explains=('diagnostic',),
    ),
    'uncalibrated': Cause(
        'a CameraInfo is all zeros',
        'Masks are right, nothing can be lifted to 3D.',
        'calibrate, and set `camera_info_url` of the driver',
        explains=('diagnostic',),
    ),
    'unrectified': Cause(
        'pictures that count as rectified have a lens distortion',
        'A topic named `..._rect` with D in its CameraInfo is bent a second time; depth pictures '
        'are taken for those of a pinhole.',
        'publish K of the rectified picture and D = 0 beside it, or take the raw topic',
    ),
    'no_camera_info': Cause(
        'a camera has no CameraInfo beside it',
        '2D results are right, 3D ones are missing.',
        'publish it, or name it in the stack under `inputs.camera_info`',
        explains=('diagnostic',),
    ),
    'frame_differs': Cause(
        'picture and CameraInfo name different frames',
        'One of both is in the wrong place.',
        'the same optical frame for both',
    ),
    'frame_missing': Cause(
        'a frame of a sensor is not in TF',
        'Nothing of this sensor can be brought into another frame.',
        'start the URDF, or a `static_transform_publisher`',
        explains=('diagnostic',),
    ),
    'tf_disconnected': Cause(
        'TF falls into several trees',
        'Frames of different trees have no transform between them.',
        'publish the transform that joins them',
        explains=('diagnostic',),
    ),
    'tf_two_parents': Cause(
        'a frame has two parents',
        'It jumps between two places.',
        'stop one of the publishers',
    ),
    'tf_gap': Cause(
        'a moving frame pauses',
        'Transforms at the stamp of a picture are missing meanwhile.',
        'look at its publisher: `ros2 run tf2_ros tf2_monitor`',
    ),
    'stream_gap': Cause(
        'a stream pauses for much longer than its period',
        'A driver that restarts, a full disk while recording, a bad link.',
        'look at the log of the driver',
    ),
    'nothing_arrives': Cause(
        'a publisher exists and no message came',
        'The sensor stands still, or the transport loses its messages.',
        '`ros2 topic hz`; the log of the driver',
        explains=('diagnostic',),
    ),
    'random_weights': Cause(
        'a node runs with random weights',
        'Its results are noise; meant for tests.',
        'set `weights` (`mmp plugins` lists them)',
    ),
    'node_absent': Cause(
        'a node of the stack does not run',
        'With `--stack` the doctor looks for its nodes.',
        '`mmp run STACK`, or `ros2 launch`',
    ),
    'node_inactive': Cause(
        'a lifecycle node is up and does nothing',
        'It was not configured or activated, or it failed.',
        '`ros2 lifecycle set NODE configure`, then `activate`',
    ),
    'no_subscriber': Cause(
        'nobody listens to a node, so it does no work',
        'Without a subscriber nothing is inferred.',
        'subscribe to one of its outputs, or `works_unheard: true`',
    ),
    'diagnostic': Cause(
        'a node reports a problem on /diagnostics',
        'In its own words; [diagnostics](diagnostics.md) explains them.',
        'see the message',
    ),
    'display_class': Cause(
        'a layout has a display that the viewer does not ship',
        'With `--layout`. The viewer shows an error in its place.',
        'use a display that the finding names',
    ),
    'display_property': Cause(
        'a layout has a property that the viewer does not read',
        'It is left out without a word, or the panel stays empty.',
        'write it as the finding says, or save the layout in the viewer again',
    ),
    'display_topic': Cause(
        'a display shows a topic that nobody publishes',
        'It stays empty. Displays of the shipped layouts whose nodes do not run only wait.',
        'start the stack that publishes it ([look](look.md)), or name another topic',
    ),
    'display_type': Cause(
        'a display takes another message type',
        'It stays empty.',
        'a display for that type, or the topic that was meant',
    ),
    'display_qos': Cause(
        'a display asks for QoS that is not offered',
        'It stays empty.',
        'set the policy of the display that the finding names',
    ),
    'display_frame': Cause(
        'TF does not connect what a display shows with the fixed frame',
        'It is not drawn.',
        'another fixed frame, or the transform that the finding names',
    ),
    'display_field': Cause(
        'a plot shows a field that the message does not have',
        'It stays empty.',
        'name a field of the message',
    ),
}


def rank(cause: str) -> int:
    """Place of a cause from root to symptom; unknown ones come last."""
    return next((i for i, name in enumerate(CAUSES) if name == cause), len(CAUSES))


def markdown_table() -> str:
    """The table of docs/doctor.md; `mmp doctor --markdown` prints it."""
    lines = [
        '| the doctor says | which means | why it matters | what to do |',
        '|---|---|---|---|',
    ]
    lines += [f'| `{n}` | {c.meaning} | {c.why} | {c.mend} |' for n, c in CAUSES.items()]
    return '\n'.join(lines) + '\n'
