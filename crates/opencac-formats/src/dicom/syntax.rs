//! Transfer syntaxes (PS3.5 section 10, PS3.6 table A-1).

/// How the data set is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// Value representations are written out.
    pub explicit: bool,
    /// Most significant byte first.
    pub big_endian: bool,
}

impl Encoding {
    pub(crate) const IMPLICIT_LE: Self = Self { explicit: false, big_endian: false };
    pub(crate) const EXPLICIT_LE: Self = Self { explicit: true, big_endian: false };
    pub(crate) const EXPLICIT_BE: Self = Self { explicit: true, big_endian: true };
}

/// How pixel data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Not at all.
    Native,
    /// Run lengths of byte planes (PS3.5 annex G).
    Rle,
    /// JPEG process 14, any predictor.
    JpegLossless,
    /// JPEG-LS, lossless or near-lossless.
    JpegLs,
    /// JPEG 2000, part 1.
    Jpeg2000,
    /// JPEG 2000, part 15, with the high-throughput block coder.
    Htj2k,
}

/// A transfer syntax that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax {
    pub(crate) uid: &'static str,
    pub(crate) name: &'static str,
    pub(crate) encoding: Encoding,
    pub(crate) deflated: bool,
    pub(crate) codec: Codec,
    pub(crate) lossy: bool,
}

const fn native(uid: &'static str, name: &'static str, encoding: Encoding, deflated: bool) -> TransferSyntax {
    TransferSyntax { uid, name, encoding, deflated, codec: Codec::Native, lossy: false }
}

const fn packed(uid: &'static str, name: &'static str, codec: Codec, lossy: bool) -> TransferSyntax {
    TransferSyntax { uid, name, encoding: Encoding::EXPLICIT_LE, deflated: false, codec, lossy }
}

/// All transfer syntaxes that can be read. The lossy ones may also carry lossless streams.
pub(crate) const TRANSFER_SYNTAXES: [TransferSyntax; 13] = [
    native("1.2.840.10008.1.2", "implicit VR little endian", Encoding::IMPLICIT_LE, false),
    native("1.2.840.10008.1.2.1", "explicit VR little endian", Encoding::EXPLICIT_LE, false),
    native("1.2.840.10008.1.2.2", "explicit VR big endian", Encoding::EXPLICIT_BE, false),
    native("1.2.840.10008.1.2.1.99", "deflated explicit VR little endian", Encoding::EXPLICIT_LE, true),
    packed("1.2.840.10008.1.2.5", "RLE lossless", Codec::Rle, false),
    packed("1.2.840.10008.1.2.4.57", "JPEG lossless", Codec::JpegLossless, false),
    packed("1.2.840.10008.1.2.4.70", "JPEG lossless SV1", Codec::JpegLossless, false),
    packed("1.2.840.10008.1.2.4.80", "JPEG-LS lossless", Codec::JpegLs, false),
    packed("1.2.840.10008.1.2.4.81", "JPEG-LS near-lossless", Codec::JpegLs, true),
    packed("1.2.840.10008.1.2.4.90", "JPEG 2000 lossless", Codec::Jpeg2000, false),
    packed("1.2.840.10008.1.2.4.91", "JPEG 2000", Codec::Jpeg2000, true),
    packed("1.2.840.10008.1.2.4.201", "HTJ2K lossless", Codec::Htj2k, false),
    packed("1.2.840.10008.1.2.4.202", "HTJ2K lossless RPCL", Codec::Htj2k, false),
];

impl TransferSyntax {
    /// Looks a transfer syntax up.
    pub fn from_uid(uid: &str) -> Option<&'static Self> {
        TRANSFER_SYNTAXES.iter().find(|s| s.uid == uid)
    }

    /// Its name in words.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn is_deflated(&self) -> bool {
        self.deflated
    }

    /// Whether the compression may have changed pixel values.
    pub fn is_lossy(&self) -> bool {
        self.lossy
    }
}
