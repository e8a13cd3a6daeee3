//! The private Python module; the one folder that knows of Python.
#![forbid(unsafe_code)]

mod arrays;
mod divergences;
mod filters;
mod losses;
mod runtime;
mod sampling;
mod stats;
mod weights;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::divergences::{
        compare_stats, cross_entropy_between, js_divergence, kl_divergence,
        kl_divergence_gradient, renyi_divergence, total_variation,
    };
    #[pymodule_export]
    use super::filters::{candidates, filter_logits};
    #[pymodule_export]
    use super::losses::{
        binary_cross_entropy, cross_entropy, entropy_gradient, log_softmax, softmax,
    };
    #[pymodule_export]
    use super::runtime::{
        instruction_sets, num_threads, set_num_threads, use_instruction_set,
    };
    #[pymodule_export]
    use super::sampling::{sample, sample_candidates, sample_filtered};
    #[pymodule_export]
    use super::stats::{entropy, log_prob, logsumexp, rank, token_stats, topk, varentropy};

    #[pymodule_export]
    use super::weights::{
        cross_entropy_of_weights, entropy_of_weights, js_divergence_of_weights,
        kl_divergence_of_weights,
    };

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
