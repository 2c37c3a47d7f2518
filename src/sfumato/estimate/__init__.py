"""Floor 3: data -> one unknown of the world; the file prefix says which (prior_, shift_, transition_, noise_)."""

from sfumato.estimate.interval import Interval, bootstrap
from sfumato.estimate.noise_rate import NoiseRate
from sfumato.estimate.prior_alphamax import PriorAlphaMax
from sfumato.estimate.prior_bbe import PriorBBE
from sfumato.estimate.prior_complementary import PriorComplementary
from sfumato.estimate.prior_dedpul import PriorDEDPUL
from sfumato.estimate.prior_elkan_noto import PriorElkanNoto
from sfumato.estimate.prior_km import PriorKM2
from sfumato.estimate.prior_regrouped import PriorReCPE
from sfumato.estimate.prior_resampled import PriorResampled
from sfumato.estimate.prior_tice import PriorTIcE
from sfumato.estimate.shift_bbse import PriorBBSE
from sfumato.estimate.shift_count import ClassifyAndCount
from sfumato.estimate.shift_em import PriorEM
from sfumato.estimate.thetas_order import ThetasFromOrder
from sfumato.estimate.transition_anchor import TransitionAnchor
from sfumato.estimate.transition_base import NotIdentifiableWarning
from sfumato.estimate.transition_candidate_sets import FlipFromCandidates
from sfumato.estimate.transition_confident_joint import TransitionConfidentJoint
from sfumato.estimate.transition_dual import TransitionDual
from sfumato.estimate.transition_hoc import TransitionHOC
from sfumato.estimate.transition_mdil import TransitionMDIL

__all__ = [
    "ClassifyAndCount",
    "FlipFromCandidates",
    "Interval",
    "NoiseRate",
    "NotIdentifiableWarning",
    "PriorAlphaMax",
    "PriorBBE",
    "PriorBBSE",
    "PriorComplementary",
    "PriorDEDPUL",
    "PriorEM",
    "PriorElkanNoto",
    "PriorKM2",
    "PriorReCPE",
    "PriorResampled",
    "PriorTIcE",
    "ThetasFromOrder",
    "TransitionAnchor",
    "TransitionConfidentJoint",
    "TransitionDual",
    "TransitionHOC",
    "TransitionMDIL",
    "bootstrap",
]
