//! The subset of ONNX's protocol buffers that a generator needs, with their names and tags.
//!
//! Format: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>. It is proto2, in which
//! repeated numbers are not packed by default.

use prost::Message;

/// `TensorProto.DataType`.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType`.
pub const INT64: i32 = 7;
/// `AttributeProto.AttributeType`.
pub const ATTRIBUTE_FLOAT: i32 = 1;
/// `AttributeProto.AttributeType`.
pub const ATTRIBUTE_INT: i32 = 2;
/// `AttributeProto.AttributeType`.
pub const ATTRIBUTE_INTS: i32 = 7;

#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(int64, tag = 1)]
    pub ir_version: i64,
    #[prost(string, tag = 2)]
    pub producer_name: String,
    #[prost(string, tag = 3)]
    pub producer_version: String,
    #[prost(string, tag = 6)]
    pub doc_string: String,
    #[prost(message, optional, tag = 7)]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = 8)]
    pub opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = 14)]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// An operator set; without a domain it is ONNX's own.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    #[prost(int64, tag = 2)]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    #[prost(string, tag = 1)]
    pub key: String,
    #[prost(string, tag = 2)]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = 1)]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = 2)]
    pub name: String,
    #[prost(message, repeated, tag = 5)]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = 11)]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = 12)]
    pub output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = 1)]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = 2)]
    pub output: Vec<String>,
    #[prost(string, tag = 3)]
    pub name: String,
    #[prost(string, tag = 4)]
    pub op_type: String,
    #[prost(message, repeated, tag = 5)]
    pub attribute: Vec<AttributeProto>,
}

/// An attribute of a node: `f`, `i` or `ints`, depending on `kind`.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    #[prost(string, tag = 1)]
    pub name: String,
    #[prost(float, optional, tag = 2)]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = 3)]
    pub i: Option<i64>,
    #[prost(int64, repeated, packed = "false", tag = 8)]
    pub ints: Vec<i64>,
    /// `type` in ONNX.
    #[prost(int32, tag = 20)]
    pub kind: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = 1)]
    pub dims: Vec<i64>,
    #[prost(int32, tag = 2)]
    pub data_type: i32,
    #[prost(string, tag = 8)]
    pub name: String,
    /// Little-endian numbers, row by row.
    #[prost(bytes = "vec", tag = 9)]
    pub raw_data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    #[prost(string, tag = 1)]
    pub name: String,
    /// `type` in ONNX.
    #[prost(message, optional, tag = 2)]
    pub kind: Option<TypeProto>,
    #[prost(string, tag = 3)]
    pub doc_string: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, optional, tag = 1)]
    pub tensor_type: Option<TensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    #[prost(int32, tag = 1)]
    pub elem_type: i32,
    #[prost(message, optional, tag = 2)]
    pub shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = 1)]
    pub dim: Vec<Dimension>,
}

/// `TensorShapeProto.Dimension`: a number or a name.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    #[prost(int64, optional, tag = 1)]
    pub dim_value: Option<i64>,
    #[prost(string, optional, tag = 2)]
    pub dim_param: Option<String>,
}
