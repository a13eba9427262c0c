//! Result documents, tables, pictures and HTML reports.
