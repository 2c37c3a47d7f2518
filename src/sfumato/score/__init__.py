"""Floor 3: a model's output -> one number per sample; HIGHER = LOOK HERE FIRST."""

from sfumato.score.aum import AUM, margins, threshold_samples
from sfumato.score.bayesian_risk import BayesianRisk, bayesian_risk
from sfumato.score.confidence_weighted_entropy import ConfidenceWeightedEntropy
from sfumato.score.confident_learning import ConfidentLearning
from sfumato.score.corrections import Corrections, suggest_labels
from sfumato.score.counter_margin import CounterMargin
from sfumato.score.dominant_centre import DominantCentre
from sfumato.score.early_learning import EarlyLearning
from sfumato.score.ensemble import Ensemble, Findings
from sfumato.score.forgetting import Forgetting
from sfumato.score.influence import Influence
from sfumato.score.issues import FILTERS, PredictionsAsLabelsWarning, find_label_issues
from sfumato.score.knn_disagreement import KnnDisagreement
from sfumato.score.loss_mixture import LossMixture
from sfumato.score.memorisation import Memorisation
from sfumato.score.memorization_discrepancy import MemorizationDiscrepancy
from sfumato.score.multilabel_quality import MultilabelQuality, find_multilabel_issues, multilabel_quality
from sfumato.score.near_duplicate import NearDuplicate
from sfumato.score.neighbour_distance import NeighbourDistance
from sfumato.score.normalized_margin import NormalizedMargin
from sfumato.score.ordinal_quality import OrdinalQuality, ordinal_quality
from sfumato.score.quality import label_quality
from sfumato.score.segmentation_quality import PictureScores, SegmentationQuality, segmentation_quality
from sfumato.score.self_confidence import SelfConfidence
from sfumato.score.simifeat import SimiFeat
from sfumato.score.soft_labels import (
    SoftLabelDivergence,
    entropy_correlation,
    inclusive_f1,
    jensen_shannon,
    soft_calibration_error,
    soft_cross_entropy,
    soft_label_measures,
)
from sfumato.score.target_quality import TargetQuality, target_quality
from sfumato.score.token_quality import SentenceScores, TokenQuality, find_token_issues, token_quality

__all__ = [
    "AUM",
    "FILTERS",
    "BayesianRisk",
    "ConfidenceWeightedEntropy",
    "ConfidentLearning",
    "Corrections",
    "CounterMargin",
    "DominantCentre",
    "EarlyLearning",
    "Ensemble",
    "Findings",
    "Forgetting",
    "Influence",
    "KnnDisagreement",
    "LossMixture",
    "Memorisation",
    "MemorizationDiscrepancy",
    "MultilabelQuality",
    "NearDuplicate",
    "NeighbourDistance",
    "NormalizedMargin",
    "OrdinalQuality",
    "PictureScores",
    "PredictionsAsLabelsWarning",
    "SegmentationQuality",
    "SelfConfidence",
    "SentenceScores",
    "SimiFeat",
    "SoftLabelDivergence",
    "TargetQuality",
    "TokenQuality",
    "bayesian_risk",
    "entropy_correlation",
    "find_label_issues",
    "find_multilabel_issues",
    "find_token_issues",
    "inclusive_f1",
    "jensen_shannon",
    "label_quality",
    "margins",
    "multilabel_quality",
    "ordinal_quality",
    "segmentation_quality",
    "soft_calibration_error",
    "soft_cross_entropy",
    "soft_label_measures",
    "suggest_labels",
    "target_quality",
    "threshold_samples",
    "token_quality",
]
