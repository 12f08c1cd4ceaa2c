//! A local stand-in for EPM Cloud and an identity domain.
