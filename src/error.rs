//! What can be wrong with a call, said once for all front ends.

use std::fmt;

/// A reason why a call can't be done. `Display` names what was given, what was
/// expected, and the way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// `LOGITKIT_ISA` (or a test) names no instruction set.
    UnknownIsa {
        /// As given.
        name: String,
        /// What this machine has.
        found: Vec<&'static str>,
    },
    /// The instruction set is not in this build or not on this machine.
    AbsentIsa {
        /// As given.
        name: &'static str,
        /// What this machine has.
        found: Vec<&'static str>,
    },
    /// A variable that should hold a number of threads does not.
    BadThreadVariable {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// A number of threads below 1.
    BadThreadCount(i64),
    /// The threads of the pool can't be started.
    ThreadsUnavailable {
        /// How many were asked for.
        threads: usize,
        /// What the system says.
        reason: String,
    },
    /// A target that is not a token id.
    TargetOutOfRange {
        /// Its place in the array of targets.
        position: Vec<usize>,
        /// Its value.
        target: i64,
        /// Number of tokens.
        vocab: usize,
    },
    /// A temperature that is not a positive finite number.
    BadTemperature {
        /// The row, if there is one for each.
        row: Option<usize>,
        /// As given.
        temperature: f64,
    },
    /// The lengths of two arguments do not go together.
    LengthMismatch {
        /// Which argument.
        name: &'static str,
        /// Its length.
        given: usize,
        /// What the logits ask for.
        expected: usize,
    },
    /// An element type that is not one of the four.
    UnknownElement(String),
    /// A type of weights that is not known.
    UnknownWeightType(String),
    /// The bytes of a weight do not fit its type.
    BadWeightSize {
        /// Name of the type.
        name: String,
        /// Bytes given for each weight.
        given: usize,
        /// Bytes of the type.
        expected: usize,
    },
    /// The bytes of an element do not fit its type.
    BadItemSize {
        /// Name of the element type.
        element: &'static str,
        /// Bytes given for each element.
        given: usize,
        /// Bytes of the type.
        expected: usize,
    },
    /// Rows too long for the places in them to be counted in 32 bits.
    RowTooLong {
        /// Their length.
        vocab: usize,
    },
    /// A step of a filter that is not known, or not with so many parameters.
    UnknownStep(String),
    /// No vocabulary axis, or an empty one.
    EmptyVocabulary,
    /// Stopped on request (Ctrl-C).
    Interrupted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnknownIsa { name, found } => write!(
                f,
                "LOGITKIT_ISA={name:?} is not an instruction set: expected one of 'portable', \
                 'avx2', 'avx512' (this machine has {}), or leave it unset for the best",
                found.join(", ")
            ),
            Error::AbsentIsa { name, found } => write!(
                f,
                "LOGITKIT_ISA={name:?} is not available on this machine, which has {}; set one of \
                 these, or leave it unset for the best",
                found.join(", ")
            ),
            Error::BadThreadVariable { variable, value } => write!(
                f,
                "{variable}={value:?} is not a number of threads: expected an integer >= 1, or \
                 leave it unset"
            ),
            Error::BadThreadCount(threads) => {
                write!(f, "threads must be an integer >= 1 or None, got {threads}")
            }
            Error::ThreadsUnavailable { threads, reason } => write!(
                f,
                "could not start {threads} threads ({reason}); ask for fewer, for example with \
                 logitkit.set_num_threads(1)"
            ),
            Error::TargetOutOfRange { position, target, vocab } => {
                f.write_str("targets")?;
                if !position.is_empty() {
                    let position: Vec<_> = position.iter().map(usize::to_string).collect();
                    write!(f, "[{}]", position.join(", "))?;
                }
                write!(
                    f,
                    " = {target} is not a token id: expected 0 <= target < {vocab} (the length of \
                     the vocabulary axis); to skip such targets pass ignore_index={target}"
                )
            }
            Error::BadTemperature { row, temperature } => {
                write!(f, "temperature must be a finite number > 0, got {temperature}")?;
                row.map_or(Ok(()), |row| write!(f, " for row {row}"))
            }
            Error::LengthMismatch { name, given, expected } => {
                write!(f, "{name} has {given} values, the logits ask for {expected}")
            }
            Error::UnknownElement(name) => write!(
                f,
                "unknown element type {name:?}: expected 'float32', 'float16', 'bfloat16' or \
                 'float64'"
            ),
            Error::UnknownStep(name) => write!(
                f,
                "step {name:?} is not known with these parameters: expected one of logitkit.steps"
            ),
            Error::UnknownWeightType(name) => write!(
                f,
                "unknown type {name:?} of weights: expected 'float64', 'float32', 'float16', \
                 'bfloat16' or a type of integers"
            ),
            Error::BadWeightSize { name, given, expected } => {
                write!(f, "{name} weights have {expected} bytes, got {given}")
            }
            Error::BadItemSize { element, given, expected } => {
                write!(f, "{element} elements have {expected} bytes, got {given}")
            }
            Error::RowTooLong { vocab } => write!(
                f,
                "the largest of {vocab} logits in a row are asked for: expected at most {} logits; \
                 split the rows",
                u32::MAX
            ),
            Error::EmptyVocabulary => f.write_str(
                "the vocabulary axis is empty: expected at least one logit in a row",
            ),
            Error::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}
