"""Distillation: the student's masked embedding towards the teacher's whole one."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from overtone.objectives.base import check_choice, objectives
from overtone.objectives.pairs import unit

Kind = Literal["embedding", "similarity"]


@objectives.register("distillation")
def distillation(student: Tensor, teacher: Tensor, kind: Kind) -> Tensor:
    r"""Squared distance of a student from its teacher, which gets no gradient.

    .. math::
        \text{embedding:}\quad & \frac1n \sum_i \lVert \hat z^s_i - \hat z^t_i \rVert^2 \\
        \text{similarity:}\quad & \frac{1}{n^2} \sum_{ij} (\cos(z^s_i, z^s_j) - \cos(z^t_i, z^t_j))^2

    The first fixes every embedding, the second only how they lie to each other, so the spaces may be rotated.

    Args:
        student, teacher: (n, d); for ``similarity`` their widths may differ.
        kind: Which of the two.

    Returns:
        Scalar, in [0, 4].

    Source:
        HSC-MAE, arXiv 2604.04229; Tung & Mori 2019, arXiv 1907.09682, for the second.
    """
    check_choice("kind of distillation", kind, Kind)
    student, teacher = unit(student), unit(teacher.detach())
    if kind == "embedding":
        return (student - teacher).square().sum(1).mean()
    return (student @ student.mT - teacher @ teacher.mT).square().mean()
