"""What is known of all tracks at a moment, and the Kalman filter that keeps it.

Arrays, not objects: one step costs the same few NumPy calls for one track or for a hundred, and a
state that is never changed in place can be kept for going back to.

A track moves with constant velocity, disturbed by white acceleration (Bar-Shalom, Li and
Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001, section 6.2.2). Heading
and size are filtered beside that, as constants that may drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from mm_perception.geometry.frames import symmetric
from mm_perception.samples import Boxes3D
from mm_perception.samples.sample import Array

#: A heading off by more than a right angle is taken for the box seen the wrong way round; a track
#: is turned round once this share of its detections disagreed with it.
_TURNS_ROUND = 0.6
_DISAGREEMENT_GAIN = 0.3
#: What moves faster than that, and surely so, is headed where it goes: who reverses is slower.
_FORWARD_MPS, _SURELY = 1.5, 2.0
#: How fast sizes and headings may drift: variance per second, m^2 and rad^2.
_SIZE_DRIFT, _YAW_DRIFT = 0.01, 0.05
#: Weight of the newest detection in the score of a track, once it is a few detections old.
_SCORE_GAIN = 0.2
#: Least variance of what a detection tells: (1 mm)^2, or (1 mm/s)^2.
_FLOOR = 1e-6
_WALKERS = (['pedestrian'], ['person'], ['child'], ['adult'])


@dataclass(frozen=True)
class Noise:
    """Standard deviations: how far detections are off where they do not say, and how things move.

    Attributes:
        position_m: Of a detection's centre, along each axis.
        yaw_rad: Of its heading.
        size_m: Of its length, width and height.
        velocity_mps: Of its velocity, where it has one.
        acceleration_mps2: Of what moves, along x and y; a tenth of it along z.
        walking_mps2: The same of people on foot.
        birth_speed_mps: Of a new track whose detection has no velocity.
        walking_speed_mps: The same of people on foot.
    """

    position_m: float
    yaw_rad: float
    size_m: float
    velocity_mps: float
    acceleration_mps2: float
    walking_mps2: float
    birth_speed_mps: float
    walking_speed_mps: float


@dataclass(frozen=True, eq=False)
class Tracks:
    """T tracks at one moment; no array is ever written to.

    Attributes:
        stamp_ns: The moment.
        ids: (T,) int64.
        means: (T, 6) float64: x, y, z in metres and vx, vy, vz in m/s in the fixed frame.
        covariances: (T, 6, 6) of the means.
        yaws: (T,) radians.
        yaw_variances: (T,) rad^2.
        disagreements: (T,) share, recently, of detections that were headed the other way.
        sizes: (T, 3) metres.
        size_variances: (T,) m^2.
        scores: (T,) mean over detections, newer ones count more.
        hits: (T,) int64, detections so far.
        seen_ns: (T,) int64, stamp of the newest detection.
        votes: T times label to the sum of scores that spoke for it.
    """

    stamp_ns: int
    ids: Array
    means: Array
    covariances: Array
    yaws: Array
    yaw_variances: Array
    disagreements: Array
    sizes: Array
    size_variances: Array
    scores: Array
    hits: Array
    seen_ns: Array
    votes: tuple[Mapping[str, float], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def chosen(self, index: Array) -> Tracks:
        """Only some of them, by mask (T,) bool or by numbers."""
        numbers = np.flatnonzero(index) if index.dtype == np.bool_ else index
        arrays = {f.name: getattr(self, f.name)[numbers] for f in fields(self)[1:-1]}
        votes = tuple(self.votes[i] for i in numbers.tolist())
        return Tracks(stamp_ns=self.stamp_ns, votes=votes, **arrays)

    def joined(self, others: Tracks) -> Tracks:
        """These and others of the same moment."""
        arrays = {
            f.name: np.concatenate([getattr(self, f.name), getattr(others, f.name)])
            for f in fields(self)[1:-1]
        }
        return Tracks(stamp_ns=self.stamp_ns, votes=self.votes + others.votes, **arrays)

    def labels(self) -> tuple[str, ...]:
        """Of each track the label that most speaks for."""
        return tuple(max(votes, key=lambda label: votes[label]) for votes in self.votes)

    def unseen_s(self) -> Array:
        """(T,) seconds since the newest detection."""
        return np.asarray((self.stamp_ns - self.seen_ns) / 1e9, np.float64)


def measured(boxes: Boxes3D, noise: Noise) -> tuple[Array, Array]:
    """What detections say of position and velocity, and how sure that is.

    Returns:
        Values (N, K) and covariances (N, K, K); K is 6, or 3 where no velocity was measured.
    """
    num = len(boxes)
    values, size = boxes.centres, 3
    if boxes.velocities is not None:
        values, size = np.hstack([values, boxes.velocities]), 6
    errors = np.zeros((num, size, size))
    given = None if boxes.covariances is None else boxes.covariances[:, :3, :3]
    errors[:, :3, :3] = _told_or(given, noise.position_m)
    if size == 6:
        errors[:, 3:, 3:] = _told_or(boxes.velocity_covariances, noise.velocity_mps)
    return values, errors


def _told_or(given: Array | None, std: float) -> Array:
    """(N, 3, 3) or (3, 3): covariances, and the usual one where a box has zeros: it tells none."""
    usual = np.eye(3) * std**2
    if given is None:
        return usual
    is_told = np.any(given != 0, axis=(1, 2)).reshape(-1, 1, 1)
    # Nothing is exact: without a floor what two say of the same moment cannot be weighed.
    lacking = np.maximum(_FLOOR - np.diagonal(given, axis1=1, axis2=2), 0.0)
    return np.where(is_told, given + np.eye(3) * lacking[:, None], usual)


def newborn(boxes: Boxes3D, ids: Array, noise: Noise) -> Tracks:
    """A track for each of N detections; ids: (N,) int64."""
    num = len(boxes)
    values, errors = measured(boxes, noise)
    means, covariances = np.zeros((num, 6)), np.zeros((num, 6, 6))
    speeds = _by_kind(boxes.labels, noise.walking_speed_mps, noise.birth_speed_mps)
    covariances[:, 3:, 3:] = np.diag([1.0, 1.0, 0.01]) * speeds**2
    size = values.shape[1]
    means[:, :size], covariances[:, :size, :size] = values, errors
    return Tracks(
        stamp_ns=boxes.stamp_ns, ids=ids, means=means, covariances=covariances, yaws=boxes.yaws(),
        yaw_variances=_yaw_errors(boxes, noise), disagreements=np.zeros(num), sizes=boxes.sizes,
        size_variances=np.full(num, noise.size_m**2), scores=boxes.scores.astype(np.float64),
        hits=np.ones(num, np.int64), seen_ns=np.full(num, boxes.stamp_ns, np.int64),
        votes=tuple(
            {label: score}
            for label, score in zip(boxes.labels, boxes.scores.tolist(), strict=True)
        ),
    )  # fmt: skip


def predicted(tracks: Tracks, stamp_ns: int, noise: Noise) -> Tracks:
    """The same tracks at another moment, later as a rule; what is uncertain grows."""
    step = (stamp_ns - tracks.stamp_ns) / 1e9
    motion = np.eye(6) + np.diag(np.full(3, step), 3)
    gain = np.concatenate([np.eye(3) * step**2 / 2, np.eye(3) * step])
    strengths = _by_kind(tracks.labels(), noise.walking_mps2, noise.acceleration_mps2) ** 2
    drift = gain @ np.diag([1.0, 1.0, 0.01]) @ gain.T
    return replace(
        tracks,
        stamp_ns=stamp_ns,
        means=tracks.means @ motion.T,
        covariances=motion @ tracks.covariances @ motion.T + drift * strengths.reshape(-1, 1, 1),
        yaw_variances=tracks.yaw_variances + _YAW_DRIFT * abs(step),
        size_variances=tracks.size_variances + _SIZE_DRIFT * abs(step),
    )


def _by_kind(labels: Sequence[str], walking: float, other: float) -> Array:
    """One number for people on foot, another one for everybody else, (N, 1, 1)."""
    walks = [label.split()[-1:] in _WALKERS for label in labels]
    return np.where(np.array(walks, np.bool_), walking, other).reshape(-1, 1, 1)


def updated(tracks: Tracks, boxes: Boxes3D, noise: Noise) -> Tracks:
    """Take in one detection per track, in the same order and at the same moment."""
    values, errors = measured(boxes, noise)
    size = values.shape[1]
    seen = tracks.covariances[:, :size, :size]
    # Kalman's gain P H' (H P H' + R)^-1; H takes the first entries of the state.
    gains = tracks.covariances[:, :, :size] @ np.linalg.inv(seen + errors)
    surprise = values - tracks.means[:, :size]
    rest = np.eye(6) - np.pad(gains, ((0, 0), (0, 0), (0, 6 - size)))
    # Joseph's form, which stays positive whatever is rounded.
    covariances = rest @ tracks.covariances @ np.swapaxes(rest, 1, 2)
    covariances = covariances + gains @ errors @ np.swapaxes(gains, 1, 2)
    hits = tracks.hits + 1
    weight = np.maximum(1 / hits, _SCORE_GAIN)
    size_gain = (tracks.size_variances / (tracks.size_variances + noise.size_m**2))[:, None]
    means = tracks.means + np.einsum('nij,nj->ni', gains, surprise)
    turned = _with_heading(tracks, boxes, noise)
    return replace(
        turned,
        means=means,
        covariances=symmetric(covariances),
        yaws=wrapped(turned.yaws + np.pi * _goes_backwards(turned.yaws, means, covariances)),
        sizes=tracks.sizes + size_gain * (boxes.sizes - tracks.sizes),
        size_variances=tracks.size_variances * (1 - size_gain[:, 0]),
        scores=tracks.scores + weight * (boxes.scores - tracks.scores),
        hits=hits,
        seen_ns=np.full(len(tracks), boxes.stamp_ns, np.int64),
        votes=tuple(
            {**votes, label: votes.get(label, 0.0) + score}
            for votes, label, score in zip(
                tracks.votes, boxes.labels, boxes.scores.tolist(), strict=True
            )
        ),
    )


def _with_heading(tracks: Tracks, boxes: Boxes3D, noise: Noise) -> Tracks:
    """Headings with a detection each; a box seen the wrong way round does not turn a track."""
    away = wrapped(boxes.yaws() - tracks.yaws)
    is_opposite = np.abs(away) > np.pi / 2
    away = np.where(is_opposite, wrapped(away + np.pi), away)
    gain = tracks.yaw_variances / (tracks.yaw_variances + _yaw_errors(boxes, noise))
    disagreements = tracks.disagreements + _DISAGREEMENT_GAIN * (
        is_opposite - tracks.disagreements
    )
    is_wrong = disagreements > _TURNS_ROUND
    yaws = tracks.yaws + gain * away + np.pi * is_wrong
    return replace(
        tracks,
        yaws=wrapped(yaws),
        yaw_variances=tracks.yaw_variances * (1 - gain),
        disagreements=np.where(is_wrong, 1 - disagreements, disagreements),
    )


def _goes_backwards(yaws: Array, means: Array, covariances: Array) -> Array:
    """(T,) bool, whether it moves so fast against its heading that the heading must be wrong."""
    velocities = means[:, 3:5]
    speeds = np.linalg.norm(velocities, axis=1)
    doubts = np.sqrt(np.trace(covariances[:, 3:5, 3:5], axis1=1, axis2=2) / 2)
    ahead = velocities[:, 0] * np.cos(yaws) + velocities[:, 1] * np.sin(yaws)
    return np.asarray((ahead < 0) & (speeds > np.maximum(_FORWARD_MPS, _SURELY * doubts)))


def _yaw_errors(boxes: Boxes3D, noise: Noise) -> Array:
    if boxes.covariances is None:
        return np.full(len(boxes), noise.yaw_rad**2)
    told = boxes.covariances[:, 5, 5]
    return np.where(told > 0, told, noise.yaw_rad**2)


def wrapped(angles: Array) -> Array:
    """Angles in radians, brought into [-pi, pi)."""
    return np.asarray((angles + np.pi) % (2 * np.pi) - np.pi, np.float64)
