//! The subset of TensorBoard's protocol buffers that is written here, with their names and tags,
//! from [`event.proto`] and [`summary.proto`].
//!
//! [`event.proto`]: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
//! [`summary.proto`]: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/summary.proto

/// One record of an event file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// Completed iterations.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// The content of the record.
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// The content of a record.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum What {
    /// The file format version, the first record of a file.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Named values: scalars, images, histograms, text.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// Marks that a run was resumed.
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// Marks that a run was resumed: readers discard what they have of this step and later ones.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SessionLog {
    /// [`SessionLog::START`].
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl SessionLog {
    /// `SessionStatus.START`.
    pub const START: i32 = 1;
}

/// Values of one step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Summary {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A value with its name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// The name; the part before its first slash is the section on TensorBoard's page.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// For text: the TensorBoard plugin that shows it.
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
    /// The value itself.
    #[prost(oneof = "Kind", tags = "2, 4, 5, 8")]
    pub kind: Option<Kind>,
}

/// The kinds of a value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Kind {
    /// A scalar.
    #[prost(float, tag = "2")]
    SimpleValue(f32),
    /// An image.
    #[prost(message, tag = "4")]
    Image(Image),
    /// A histogram.
    #[prost(message, tag = "5")]
    Histogram(Histogram),
    /// A text.
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

/// An image.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Image {
    /// Height in pixels.
    #[prost(int32, tag = "1")]
    pub height: i32,
    /// Width in pixels.
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// Samples per pixel.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// The bytes of a PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

/// A histogram: counts per bucket.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Histogram {
    /// Lower bound of the first bucket.
    #[prost(double, tag = "1")]
    pub min: f64,
    /// Upper bound of the last bucket.
    #[prost(double, tag = "2")]
    pub max: f64,
    /// Number of values.
    #[prost(double, tag = "3")]
    pub num: f64,
    /// Their sum.
    #[prost(double, tag = "4")]
    pub sum: f64,
    /// The sum of their squares.
    #[prost(double, tag = "5")]
    pub sum_squares: f64,
    /// Upper bound of each bucket.
    #[prost(double, repeated, tag = "6")]
    pub bucket_limit: Vec<f64>,
    /// Number of values in each bucket.
    #[prost(double, repeated, tag = "7")]
    pub bucket: Vec<f64>,
}

/// A tensor of strings.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Tensor {
    /// [`Tensor::STRING`].
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// The strings.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub string_val: Vec<Vec<u8>>,
}

impl Tensor {
    /// `DT_STRING`.
    pub const STRING: i32 = 7;
}

/// How TensorBoard shows a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metadata {
    /// The plugin that shows it.
    #[prost(message, optional, tag = "1")]
    pub plugin_data: Option<Plugin>,
}

/// A plugin.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Plugin {
    /// Its name.
    #[prost(string, tag = "1")]
    pub plugin_name: String,
}
