"""From the BEV to boxes: a DETR decoder with iterative refinement (arXiv 2010.04159, A.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mm_perception.nets.bevformer.attention import BevCrossAttention
from mm_perception.nets.bevformer.configs import BevFormerConfig
from mm_perception.nets.bevformer.encoder import FeedForward
from mm_perception.nets.bevformer.geometry import cell_centres
from mm_perception.nets.bevformer.trunk import peaks

#: cx, cy, log w, log l, cz, log h, sin, cos, vx, vy: what the box branches regress.
CODE_SIZE = 10
_EDGE = 1e-5
_PRIOR = 0.01  # a class's first probability, so that focal loss starts small (arXiv 1708.02002)


def inverse_sigmoid(probability: Tensor) -> Tensor:
    """log(p / (1 - p)), with p and 1 - p at least 1e-5."""
    inside = probability.clamp(0, 1)
    return torch.log(inside.clamp(min=_EDGE) / (1 - inside).clamp(min=_EDGE))


class DecoderLayer(nn.Module):
    """Objects look at one another, at the BEV, think: each followed by a norm."""

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims, heads, dropout = config.dims, config.heads, config.dropout
        self.self_attention = nn.MultiheadAttention(dims, heads, dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.cross_attention = BevCrossAttention(dims, heads, config.decoder_points, dropout)
        self.feed_forward = FeedForward(dims, config.ffn_dims, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dims) for _ in range(3))
        self.bev_size = config.bev_size

    def forward(
        self, queries: Tensor, position: Tensor, bev: Tensor, references: Tensor
    ) -> Tensor:
        """(B, Q, C) to (B, Q, C); arguments as of `BevCrossAttention`."""
        asking = queries + position
        seen, _ = self.self_attention(asking, asking, queries, need_weights=False)
        queries = self.norms[0](queries + self.dropout(seen))
        queries = self.cross_attention(queries, position, bev, references, self.bev_size)
        queries = self.norms[1](queries)
        out: Tensor = self.norms[2](self.feed_forward(queries))
        return out


class LearnedQueries(nn.Module):
    """Queries that start at learned places, whatever is there (BEVFormer)."""

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims = config.dims
        self.queries = nn.Parameter(torch.randn(config.num_queries, 2 * dims))
        self.reference_points = nn.Linear(dims, 3)

    def forward(self, bev: Tensor, heat: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """See `ProposedQueries`; neither argument decides anything but the size of the batch."""
        position, queries = self.queries.expand(len(bev), -1, -1).chunk(2, dim=-1)
        return queries, position, self.reference_points(position).sigmoid()


class ProposedQueries(nn.Module):
    """Queries that start where a heat map peaks (TransFusion, arXiv 2203.11496, section 3.2)."""

    cell_xy: Tensor

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        dims = config.dims
        self.count = config.num_queries
        low, high = config.range_m[2], config.range_m[5]
        self.height = min(max(-low / (high - low), _EDGE), 1 - _EDGE)  # of the ground, z = 0
        self.of_class = nn.Embedding(len(config.classes), dims)
        self.of_place = nn.Sequential(nn.Linear(2, dims), nn.ReLU(), nn.Linear(dims, dims))
        self.register_buffer('cell_xy', cell_centres(config.bev_size), persistent=False)

    def forward(self, bev: Tensor, heat: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Start.

        Args:
            bev: (B, rows * columns, C).
            heat: (B, classes, rows, columns) logits.

        Returns:
            Queries (B, Q, C), their positions (B, Q, C), and reference points (B, Q, 3), x, y and
            z as fractions of the grid.
        """
        assert heat is not None
        cells, classes = peaks(heat, self.count)
        rows = cells[..., None].expand(-1, -1, bev.shape[-1])
        queries = bev.gather(1, rows) + self.of_class(classes).to(bev.dtype)
        places = self.cell_xy[cells]
        height = torch.full_like(places[..., :1], self.height)
        position = self.of_place(places * 2 - 1)
        return queries, position, torch.cat((places, height), dim=-1)


class BoxDecoder(nn.Module):
    """Object queries, the layers, and after each layer a class and a box per query."""

    code_weights: Tensor

    def __init__(self, config: BevFormerConfig) -> None:
        super().__init__()
        self.range_m = config.range_m
        dims, classes = config.dims, len(config.classes)
        self.start = (ProposedQueries if config.has_proposals else LearnedQueries)(config)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_decoder_layers))
        self.class_branches = nn.ModuleList(_class_branch(dims, classes) for _ in self.layers)
        self.box_branches = nn.ModuleList(_box_branch(dims) for _ in self.layers)
        # Of the L1 loss; the public checkpoints carry them.
        self.register_buffer('code_weights', torch.tensor([1.0] * 8 + [0.2] * 2))

    def forward(self, bev: Tensor, heat: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the layers say.

        Args:
            bev: (B, rows * columns, C).
            heat: (B, classes, rows, columns) logits, of a net with proposals.

        Returns:
            (layers, B, Q, classes) logits, and (layers, B, Q, 10) box codes: `CODE_SIZE` says in
            which order; centres in m, frame BEV, velocities in m/s along its axes.
        """
        queries, position, references = self.start(bev, heat)
        logits, codes = [], []
        for layer, to_class, to_box in zip(
            self.layers, self.class_branches, self.box_branches, strict=True
        ):
            queries = layer(queries, position, bev, references[..., :2])
            code = to_box(queries)
            # The branch corrects the reference before the sigmoid (arXiv 2010.04159, A.4).
            code = code.float()
            delta = torch.cat((code[..., 0:2], code[..., 4:5]), dim=-1)
            refined = (delta + inverse_sigmoid(references.float())).sigmoid()
            logits.append(to_class(queries))
            codes.append(self._in_metres(code, refined))
            references = refined.detach()
        return torch.stack(logits), torch.stack(codes)

    def _in_metres(self, code: Tensor, centres: Tensor) -> Tensor:
        low, high = self.range_m[:3], self.range_m[3:]
        x, y, z = (
            centres[..., axis : axis + 1] * (high[axis] - low[axis]) + low[axis]
            for axis in range(3)
        )
        return torch.cat((x, y, code[..., 2:4], z, code[..., 5:]), dim=-1)


def _class_branch(dims: int, classes: int) -> nn.Sequential:
    last = nn.Linear(dims, classes)
    nn.init.constant_(last.bias, -math.log(1 / _PRIOR - 1))
    hidden: list[nn.Module] = []
    for _ in range(2):
        hidden += [nn.Linear(dims, dims), nn.LayerNorm(dims), nn.ReLU()]
    return nn.Sequential(*hidden, last)


def _box_branch(dims: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(dims, dims),
        nn.ReLU(),
        nn.Linear(dims, dims),
        nn.ReLU(),
        nn.Linear(dims, CODE_SIZE),
    )
