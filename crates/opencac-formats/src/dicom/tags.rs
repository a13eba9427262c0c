//! The attributes this reader looks at. Everything else in a file, names and birth dates above all, is passed
//! over unread.

use std::fmt;

/// A data element tag: group and element number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u16, pub u16);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.0, self.1)
    }
}

/// How the value of an attribute is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The bytes of the value.
    Value,
    /// The items of a sequence.
    Sequence,
    /// Only whether a sequence has items.
    Presence,
}

macro_rules! attributes {
    ($($name:ident = ($group:literal, $element:literal) $kind:ident $keyword:literal;)*) => {
        $(
            #[doc = $keyword]
            pub(crate) const $name: Tag = Tag($group, $element);
        )*

        /// Whether and how an attribute is kept.
        pub(crate) fn kind(tag: Tag) -> Option<Kind> {
            match tag {
                $($name => Some(Kind::$kind),)*
                _ => None,
            }
        }

        /// The keyword of an attribute, for messages.
        pub(crate) fn keyword(tag: Tag) -> &'static str {
            match tag {
                $($name => $keyword,)*
                _ => "attribute",
            }
        }
    };
}

// Tags and keywords as in DICOM PS3.6 2024e, sections 6 and 7.
attributes! {
    META_LENGTH = (0x0002, 0x0000) Value "FileMetaInformationGroupLength";
    MEDIA_STORAGE_CLASS = (0x0002, 0x0002) Value "MediaStorageSOPClassUID";
    TRANSFER_SYNTAX = (0x0002, 0x0010) Value "TransferSyntaxUID";
    CHARACTER_SET = (0x0008, 0x0005) Value "SpecificCharacterSet";
    IMAGE_TYPE = (0x0008, 0x0008) Value "ImageType";
    SOP_CLASS = (0x0008, 0x0016) Value "SOPClassUID";
    SOP_INSTANCE = (0x0008, 0x0018) Value "SOPInstanceUID";
    STUDY_DATE = (0x0008, 0x0020) Value "StudyDate";
    SERIES_DATE = (0x0008, 0x0021) Value "SeriesDate";
    ACQUISITION_DATE = (0x0008, 0x0022) Value "AcquisitionDate";
    STUDY_TIME = (0x0008, 0x0030) Value "StudyTime";
    SERIES_TIME = (0x0008, 0x0031) Value "SeriesTime";
    MODALITY = (0x0008, 0x0060) Value "Modality";
    MANUFACTURER = (0x0008, 0x0070) Value "Manufacturer";
    SERIES_DESCRIPTION = (0x0008, 0x103E) Value "SeriesDescription";
    MODEL = (0x0008, 0x1090) Value "ManufacturerModelName";
    PATIENT_SEX = (0x0010, 0x0040) Value "PatientSex";
    PATIENT_AGE = (0x0010, 0x1010) Value "PatientAge";
    ETHNIC_GROUP = (0x0010, 0x2160) Value "EthnicGroup";
    CONTRAST_AGENT = (0x0018, 0x0010) Value "ContrastBolusAgent";
    CONTRAST_AGENT_SEQUENCE = (0x0018, 0x0012) Presence "ContrastBolusAgentSequence";
    SLICE_THICKNESS = (0x0018, 0x0050) Value "SliceThickness";
    KVP = (0x0018, 0x0060) Value "KVP";
    CONTRAST_ROUTE = (0x0018, 0x1040) Value "ContrastBolusRoute";
    CONTRAST_VOLUME = (0x0018, 0x1041) Value "ContrastBolusVolume";
    CONTRAST_START = (0x0018, 0x1042) Value "ContrastBolusStartTime";
    CONTRAST_DOSE = (0x0018, 0x1044) Value "ContrastBolusTotalDose";
    TRIGGER_TIME = (0x0018, 0x1060) Value "TriggerTime";
    TILT = (0x0018, 0x1120) Value "GantryDetectorTilt";
    KERNEL = (0x0018, 0x1210) Value "ConvolutionKernel";
    CT_ACQUISITION_DETAILS = (0x0018, 0x9304) Sequence "CTAcquisitionDetailsSequence";
    CT_RECONSTRUCTION = (0x0018, 0x9314) Sequence "CTReconstructionSequence";
    CT_XRAY_DETAILS = (0x0018, 0x9325) Sequence "CTXRayDetailsSequence";
    CT_IMAGE_FRAME_TYPE = (0x0018, 0x9329) Sequence "CTImageFrameTypeSequence";
    FRAME_TYPE = (0x0008, 0x9007) Value "FrameType";
    CONTRAST_USAGE = (0x0018, 0x9341) Presence "ContrastBolusUsageSequence";
    STUDY_UID = (0x0020, 0x000D) Value "StudyInstanceUID";
    SERIES_UID = (0x0020, 0x000E) Value "SeriesInstanceUID";
    SERIES_NUMBER = (0x0020, 0x0011) Value "SeriesNumber";
    ACQUISITION_NUMBER = (0x0020, 0x0012) Value "AcquisitionNumber";
    INSTANCE_NUMBER = (0x0020, 0x0013) Value "InstanceNumber";
    POSITION = (0x0020, 0x0032) Value "ImagePositionPatient";
    ORIENTATION = (0x0020, 0x0037) Value "ImageOrientationPatient";
    FRAME_OF_REFERENCE = (0x0020, 0x0052) Value "FrameOfReferenceUID";
    FRAME_CONTENT = (0x0020, 0x9111) Sequence "FrameContentSequence";
    FRAME_ACQUISITION_NUMBER = (0x0020, 0x9156) Value "FrameAcquisitionNumber";
    PLANE_POSITION = (0x0020, 0x9113) Sequence "PlanePositionSequence";
    PLANE_ORIENTATION = (0x0020, 0x9116) Sequence "PlaneOrientationSequence";
    SAMPLES_PER_PIXEL = (0x0028, 0x0002) Value "SamplesPerPixel";
    PHOTOMETRIC = (0x0028, 0x0004) Value "PhotometricInterpretation";
    FRAME_COUNT = (0x0028, 0x0008) Value "NumberOfFrames";
    ROWS = (0x0028, 0x0010) Value "Rows";
    COLUMNS = (0x0028, 0x0011) Value "Columns";
    PIXEL_SPACING = (0x0028, 0x0030) Value "PixelSpacing";
    BITS_ALLOCATED = (0x0028, 0x0100) Value "BitsAllocated";
    BITS_STORED = (0x0028, 0x0101) Value "BitsStored";
    HIGH_BIT = (0x0028, 0x0102) Value "HighBit";
    PIXEL_REPRESENTATION = (0x0028, 0x0103) Value "PixelRepresentation";
    PADDING_VALUE = (0x0028, 0x0120) Value "PixelPaddingValue";
    PADDING_LIMIT = (0x0028, 0x0121) Value "PixelPaddingRangeLimit";
    RESCALE_INTERCEPT = (0x0028, 0x1052) Value "RescaleIntercept";
    RESCALE_SLOPE = (0x0028, 0x1053) Value "RescaleSlope";
    RESCALE_TYPE = (0x0028, 0x1054) Value "RescaleType";
    PIXEL_MEASURES = (0x0028, 0x9110) Sequence "PixelMeasuresSequence";
    PIXEL_VALUE_TRANSFORMATION = (0x0028, 0x9145) Sequence "PixelValueTransformationSequence";
    SHARED_GROUPS = (0x5200, 0x9229) Sequence "SharedFunctionalGroupsSequence";
    FRAME_GROUPS = (0x5200, 0x9230) Sequence "PerFrameFunctionalGroupsSequence";
    PIXEL_DATA = (0x7FE0, 0x0010) Value "PixelData";
}

/// Item (PS3.5 section 7.5).
pub(crate) const ITEM: Tag = Tag(0xFFFE, 0xE000);
/// End of an item of undefined length.
pub(crate) const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
/// End of a sequence of undefined length.
pub(crate) const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);
