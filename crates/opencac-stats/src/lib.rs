//! Agreement, reliability and survival statistics.
