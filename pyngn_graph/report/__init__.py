"""Reports: one HTML file with tables and pictures that opens without a network."""

from pyngn_graph.report.experiment import Experiment, experiment_report
from pyngn_graph.report.html import Facts, Picture, Table, write_report

__all__ = ["Experiment", "Facts", "Picture", "Table", "experiment_report", "write_report"]
