"""Floor 3: votes of many sources -> beliefs about the truth of each item."""

from sfumato.aggregate.agreement import krippendorff_alpha
from sfumato.aggregate.auto import Auto, Chosen
from sfumato.aggregate.bwa import Bwa
from sfumato.aggregate.catd import Catd
from sfumato.aggregate.clustered_ds import ClusteredDS
from sfumato.aggregate.combine import COMBINERS, combine
from sfumato.aggregate.consensus_map import ConsensusMap, consensus_map, map_votes
from sfumato.aggregate.correlations import Correlations
from sfumato.aggregate.crh import Crh
from sfumato.aggregate.crowdlab import CrowdLab
from sfumato.aggregate.data_programming import DataProgramming
from sfumato.aggregate.dawid_skene import DawidSkene
from sfumato.aggregate.decorrelated import Decorrelated, Linked
from sfumato.aggregate.ebcc import Ebcc
from sfumato.aggregate.fast_dawid_skene import FastDawidSkene
from sfumato.aggregate.flyingsquid import FlyingSquid
from sfumato.aggregate.glad import Glad
from sfumato.aggregate.hmm import Hmm
from sfumato.aggregate.ibcc import Ibcc
from sfumato.aggregate.iwmv import IWMV
from sfumato.aggregate.kos import Kos
from sfumato.aggregate.label_model import LabelModel
from sfumato.aggregate.m_msr import MMSR
from sfumato.aggregate.mace import Mace
from sfumato.aggregate.majority_vote import MajorityVote
from sfumato.aggregate.map_quality import MapQuality, map_quality
from sfumato.aggregate.multi_coin import MultiCoin
from sfumato.aggregate.naive_bayes import NaiveBayes
from sfumato.aggregate.nplm import Nplm
from sfumato.aggregate.one_coin import OneCoin
from sfumato.aggregate.quality_consensus import QualityConsensus
from sfumato.aggregate.result import Aggregated, SourcesWarning
from sfumato.aggregate.soft_labels import SoftLabels
from sfumato.aggregate.softmax_vote import SoftmaxVote
from sfumato.aggregate.spectral_ds import SpectralDS
from sfumato.aggregate.tried import Tried
from sfumato.aggregate.wawa import Wawa
from sfumato.aggregate.weighted_ds import WeightedDS
from sfumato.aggregate.zero_based_skill import ZeroBasedSkill

__all__ = [
    "COMBINERS",
    "Aggregated",
    "Auto",
    "Bwa",
    "Catd",
    "Chosen",
    "ClusteredDS",
    "ConsensusMap",
    "Correlations",
    "Crh",
    "CrowdLab",
    "DataProgramming",
    "DawidSkene",
    "Decorrelated",
    "Ebcc",
    "FastDawidSkene",
    "FlyingSquid",
    "Glad",
    "Hmm",
    "IWMV",
    "Ibcc",
    "Kos",
    "LabelModel",
    "Linked",
    "MMSR",
    "Mace",
    "MajorityVote",
    "MapQuality",
    "MultiCoin",
    "NaiveBayes",
    "Nplm",
    "OneCoin",
    "QualityConsensus",
    "SoftLabels",
    "SoftmaxVote",
    "SourcesWarning",
    "SpectralDS",
    "Tried",
    "Wawa",
    "WeightedDS",
    "ZeroBasedSkill",
    "combine",
    "consensus_map",
    "krippendorff_alpha",
    "map_quality",
    "map_votes",
]
