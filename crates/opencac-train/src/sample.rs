//! What a network learns from: inputs, targets and weights of one crop, drawn by number.

/// A crop as a network sees it, x fastest, channels slowest.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Input channels one after the other.
    pub input: Vec<f32>,
    /// The class of each voxel.
    pub target: Vec<u8>,
    /// How much each voxel counts.
    pub weight: Vec<f32>,
}

/// A source of samples. The same number gives the same sample, whoever draws it and whatever was drawn before.
pub trait SampleSource: Sync {
    /// Voxels of a sample along x, y, z.
    fn size(&self) -> [usize; 3];
    /// The sample of a number; nothing where what it is drawn from will not come.
    fn draw(&self, index: u64) -> Option<Drawn>;
}
