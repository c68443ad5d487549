use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};

use super::{
    compound::CompoundSerializer,
    writer::{NestedWriter, SerializeStopped},
};
use crate::stream::json::escape::{self, EscapingWriter};

/// The serializer for one value.
pub(crate) struct ValueSerializer<'o, 'n, 's>(pub(super) &'o mut NestedWriter<'n, 's>);

macro_rules! scalars {
    ($($method:ident: $ty:ty => $write:ident;)+) => {$(
        fn $method(self, value: $ty) -> Result<(), SerializeStopped> {
            self.0.scalar(|line| line.$write(value.into()));
            Ok(())
        }
    )+};
}

impl<'o, 'n, 's> Serializer for ValueSerializer<'o, 'n, 's> {
    type Ok = ();
    type Error = SerializeStopped;
    type SerializeSeq = CompoundSerializer<'o, 'n, 's>;
    type SerializeTuple = CompoundSerializer<'o, 'n, 's>;
    type SerializeTupleStruct = CompoundSerializer<'o, 'n, 's>;
    type SerializeTupleVariant = CompoundSerializer<'o, 'n, 's>;
    type SerializeMap = CompoundSerializer<'o, 'n, 's>;
    type SerializeStruct = CompoundSerializer<'o, 'n, 's>;
    type SerializeStructVariant = CompoundSerializer<'o, 'n, 's>;

    scalars! {
        serialize_bool: bool => bool;
        serialize_i8: i8 => i64;
        serialize_i16: i16 => i64;
        serialize_i32: i32 => i64;
        serialize_i64: i64 => i64;
        serialize_i128: i128 => i128;
        serialize_u8: u8 => u64;
        serialize_u16: u16 => u64;
        serialize_u32: u32 => u64;
        serialize_u64: u64 => u64;
        serialize_u128: u128 => u128;
        serialize_f32: f32 => f64;
        serialize_f64: f64 => f64;
    }

    fn serialize_char(self, value: char) -> Result<(), SerializeStopped> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), SerializeStopped> {
        self.0.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), SerializeStopped> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), SerializeStopped> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeStopped> {
        self.0.value(value)
    }

    fn serialize_unit(self) -> Result<(), SerializeStopped> {
        self.0.null();
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), SerializeStopped> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), SerializeStopped> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), SerializeStopped> {
        self.0.value(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerializeStopped> {
        let mut object = CompoundSerializer::object(self.0);
        object.field(variant, value)?;
        object.finish();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, SerializeStopped> {
        Ok(CompoundSerializer::list(self.0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, SerializeStopped> {
        Ok(CompoundSerializer::list(self.0))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, SerializeStopped> {
        Ok(CompoundSerializer::list(self.0))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, SerializeStopped> {
        CompoundSerializer::object(self.0).into_variant(variant, CompoundSerializer::list)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, SerializeStopped> {
        Ok(CompoundSerializer::object(self.0))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, SerializeStopped> {
        Ok(CompoundSerializer::object(self.0))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, SerializeStopped> {
        CompoundSerializer::object(self.0).into_variant(variant, CompoundSerializer::object)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), SerializeStopped> {
        let mut full = false;
        self.0.text_of(|buf, limit| {
            let mut text = EscapingWriter { buf, push: escape::push, limit, full: false };
            let written = write!(text, "{value}");
            full = text.full;
            if written.is_ok() || full { Ok(()) } else { Err(SerializeStopped) }
        })?;
        self.0.line.clipped |= full;
        Ok(())
    }
}
