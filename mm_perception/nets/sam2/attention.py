"""Conditioning the features of a frame on the memories of its objects (SAM 2 paper, section 4).

Memory attention costs far more than anything else. All objects of one memory layout go through it
as one batch. What does not depend on the object is computed once: the first self-attention layer
per frame, rotary tables and position codes per model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mm_perception.nets.sam2.encoder import FrameFeatures
from mm_perception.nets.sam2.memory import MemoryView
from mm_perception.nets.sam2.weights import Model

_INPUT_POSITION_SCALE = 0.1  # of the position code added to the input, fixed by the reference


class MemoryReader:
    """Memory attention over batches of objects, with the constants of one model cached."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._layers = list(model.memory_attention.layers)
        self._max_pointers = model.config.max_object_pointers_in_encoder

    def start(self, features: FrameFeatures) -> Tensor:
        """The part that all objects of a frame share: the first layer's self-attention.

        Returns:
            (1, h*w, C): the state that `read` continues from.
        """
        state = features.coarse.flatten(2).transpose(1, 2)
        state = state + _INPUT_POSITION_SCALE * self._image_positions
        return self._attend_self(self._layers[0], state)

    def read(self, shared: Tensor, views: Sequence[MemoryView]) -> Tensor:
        """Condition one frame on the memories of B objects of equal layout.

        Args:
            shared: result of `start`.
            views: B views with the same `layout`.

        Returns:
            (B, C, h, w).
        """
        spatial = [
            torch.stack([view.spatial[i] for view in views]) for i in range(views[0].layout[0])
        ]
        pointers = torch.stack([torch.stack(view.pointers) for view in views])  # (B, P, C)
        offsets = [view.spatial_offsets for view in views]
        ages = [view.pointer_ages for view in views]
        return self._condition(shared, spatial, pointers, offsets, ages)

    def read_batch(self, shared: Tensor, view: MemoryView) -> Tensor:
        """Condition the frames of B objects that were all remembered in the same moments.

        Args:
            shared: result of `start` of one frame, or of one per object.
            view: its tensors have a batch axis: (B, h*w, M) and (B, C).

        Returns:
            (B, C, h, w).
        """
        pointers = torch.stack(view.pointers, dim=1)
        offsets, ages = [view.spatial_offsets], [view.pointer_ages]
        return self._condition(shared, view.spatial, pointers, offsets, ages)

    def _condition(
        self,
        shared: Tensor,
        spatial: Sequence[Tensor],
        pointers: Tensor,
        offsets: Sequence[tuple[int, ...]],
        ages: Sequence[tuple[int, ...]],
    ) -> Tensor:
        values, keys, num_unrotated = self._gather(spatial, pointers, offsets, ages)
        state = shared.expand(len(values), -1, -1)
        for index, layer in enumerate(self._layers):
            if index:
                state = self._attend_self(layer, state)
            state = self._attend_memory(layer, state, keys, values, num_unrotated)
            hidden = layer.linear1(layer.layer_norm3(state))
            state = state + layer.linear2(layer.activation(hidden))
        normed: Tensor = self._model.memory_attention.layer_norm(state)
        side = math.isqrt(normed.shape[1])
        return normed.transpose(1, 2).reshape(len(values), -1, side, side)

    def _gather(
        self,
        spatial: Sequence[Tensor],
        pointers: Tensor,
        offsets: Sequence[tuple[int, ...]],
        ages: Sequence[tuple[int, ...]],
    ) -> tuple[Tensor, Tensor, int]:
        """Lay the memories of B objects out as tokens.

        Args:
            spatial: n of (B, h*w, M).
            pointers: (B, P, C).
            offsets: n numbers for each object, or once for all.
            ages: P numbers for each object, or once for all.

        Returns:
            Values (B, N, M); the same with positions added, from which keys are made; and how many
            of the N tokens, at the end, are pointers: they have no place to rotate by.
        """
        dtype, memory_dim = self._image_positions.dtype, self._model.mem_dim
        splits = pointers.shape[2] // memory_dim  # a pointer of width C becomes C/M tokens
        tokens = pointers.reshape(len(pointers), -1, memory_dim)  # (B, P*C/M, M)
        values = torch.cat([*(part.to(dtype) for part in spatial), tokens], dim=1)
        rows = _sent(offsets, values.device) - 1
        time = self._model.memory_temporal_positional_encoding[rows, 0, 0]  # (B or 1, n, M)
        places = (self._memory_positions + time[:, :, None]).flatten(1, 2)  # (B or 1, n*h*w, M)
        codes = self._age_codes(ages, values).repeat_interleave(splits, dim=1)
        positions = torch.cat([places, codes], dim=1)
        return values, values + positions, tokens.shape[1]

    def _age_codes(self, ages: Sequence[tuple[int, ...]], like: Tensor) -> Tensor:
        """Time code of pointers, (B or 1, P, M): a sine of the age, projected (SAM 2.1 only)."""
        model = self._model
        shape = (len(ages), len(ages[0]), model.mem_dim)
        if not model.config.enable_temporal_pos_encoding_for_object_pointers:
            return like.new_zeros(shape)
        relative = _sent(ages, like.device) / (self._max_pointers - 1)
        half = model.hidden_dim // 2
        index = torch.arange(half, dtype=torch.float32, device=like.device)
        wavelength = 10000 ** (2 * (index // 2) / half)
        angle = relative[..., None] / wavelength
        code = torch.cat([angle.sin(), angle.cos()], dim=-1).to(like.dtype)
        projected: Tensor = model.temporal_positional_encoding_projection_layer(code)
        return projected

    def _attend_self(self, layer: Any, state: Tensor) -> Tensor:
        attention = layer.self_attn
        x = layer.layer_norm1(state)
        query = self._rotate(attention.q_proj(x))
        key = self._rotate(attention.k_proj(x))
        return self._attend(attention, state, query, key, attention.v_proj(x))

    def _attend_memory(
        self, layer: Any, state: Tensor, keys: Tensor, values: Tensor, num_unrotated: int
    ) -> Tensor:
        attention = layer.cross_attn_image
        query = self._rotate(attention.q_proj(layer.layer_norm2(state)))
        key = attention.k_proj(keys)
        key[:, :-num_unrotated] = self._rotate(key[:, :-num_unrotated])
        return self._attend(attention, state, query, key, attention.v_proj(values))

    @staticmethod
    def _attend(
        attention: Any, state: Tensor, query: Tensor, key: Tensor, value: Tensor
    ) -> Tensor:
        """Attention with a residual; all (B, N, heads*D)."""
        shape = (len(query), -1, attention.num_attention_heads, attention.head_dim)
        q, k, v = (x.reshape(shape).transpose(1, 2) for x in (query, key, value))
        out = functional.scaled_dot_product_attention(q, k, v, scale=attention.scaling)
        added: Tensor = attention.o_proj(out.transpose(1, 2).flatten(2))
        return state + added

    def _rotate(self, x: Tensor) -> Tensor:
        """Rotary position code, arXiv 2104.09864 in its 2-D form, on (B, k*h*w, heads*D).

        Pairs (x0, x1) are complex numbers, turned by the angles of their place in the grid, which
        are the same for each of the k memories.
        """
        turns = self._rotary
        places, half = turns.shape
        pairs = x.float().reshape(len(x), -1, places, x.shape[2] // (2 * half), half, 2)
        rotated = torch.view_as_complex(pairs) * turns[:, None]
        return torch.view_as_real(rotated).reshape(x.shape).type_as(x)

    @cached_property
    def _rotary(self) -> Tensor:
        """Unit complex numbers, (h*w, D/2)."""
        attention = self._model.memory_attention
        dummy = torch.zeros(1, device=attention.position_ids.device)
        cos, sin = attention.rotary_emb(dummy, attention.position_ids)  # each (1, h*w, D), paired
        return torch.complex(cos[0, :, ::2].contiguous(), sin[0, :, ::2].contiguous())

    @cached_property
    def _image_positions(self) -> Tensor:
        """Sine code of the image grid, (1, h*w, C)."""
        return self._sine_code(
            self._model.vision_encoder.neck.position_encoding, self._model.hidden_dim
        )

    @cached_property
    def _memory_positions(self) -> Tensor:
        """Sine code of the memory grid, (1, 1, h*w, M)."""
        code = self._sine_code(self._model.memory_encoder.position_encoding, self._model.mem_dim)
        return code[None]

    def _sine_code(self, module: Any, channels: int) -> Tensor:
        parameter = self._model.no_memory_embedding
        side = self._model.prompt_encoder.image_embedding_size[0]
        shape = torch.Size((1, channels, side, side))
        # In float32 even for a half-precision model: the reference computes its codes so.
        code: Tensor = module(shape, parameter.device, torch.float32).to(parameter.dtype)
        return code.flatten(2).transpose(1, 2)


def _sent(rows: Sequence[tuple[int, ...]], device: torch.device) -> Tensor:
    """Numbers on a device; a GPU gets them in its turn, without the CPU waiting for it."""
    numbers = torch.tensor(rows)
    if device.type == 'cuda':
        numbers = numbers.pin_memory()
    return numbers.to(device, non_blocking=True)
