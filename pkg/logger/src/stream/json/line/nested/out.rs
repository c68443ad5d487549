use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer, ser};

use super::{Compound, Nest};
use crate::{Value, stream::json::escape, stream::json::escape::Escaper};

/// Serialization ends here. Why is known to the [`Nest`]: what the user's code is handed may not come back.
#[derive(Debug)]
pub(crate) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not logged any further")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The serializer for one value.
pub(crate) struct Out<'o, 'n, 's>(pub(super) &'o mut Nest<'n, 's>);

macro_rules! scalars {
    ($($method:ident: $ty:ty => $variant:ident;)+) => {$(
        fn $method(self, value: $ty) -> Result<(), Stop> {
            self.0.scalar(Value::$variant(value.into()));
            Ok(())
        }
    )+};
}

impl<'o, 'n, 's> Serializer for Out<'o, 'n, 's> {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Compound<'o, 'n, 's>;
    type SerializeTuple = Compound<'o, 'n, 's>;
    type SerializeTupleStruct = Compound<'o, 'n, 's>;
    type SerializeTupleVariant = Compound<'o, 'n, 's>;
    type SerializeMap = Compound<'o, 'n, 's>;
    type SerializeStruct = Compound<'o, 'n, 's>;
    type SerializeStructVariant = Compound<'o, 'n, 's>;

    scalars! {
        serialize_bool: bool => Bool;
        serialize_i8: i8 => I64;
        serialize_i16: i16 => I64;
        serialize_i32: i32 => I64;
        serialize_i64: i64 => I64;
        serialize_i128: i128 => I128;
        serialize_u8: u8 => U64;
        serialize_u16: u16 => U64;
        serialize_u32: u32 => U64;
        serialize_u64: u64 => U64;
        serialize_u128: u128 => U128;
        serialize_f32: f32 => F64;
        serialize_f64: f64 => F64;
    }

    fn serialize_char(self, value: char) -> Result<(), Stop> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stop> {
        self.0.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stop> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        self.0.value(value)
    }

    fn serialize_unit(self) -> Result<(), Stop> {
        self.0.scalar(Value::Null);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Stop> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Stop> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Stop> {
        self.0.value(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        let mut object = Compound::object(self.0);
        object.field(variant, value)?;
        object.finish();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Stop> {
        Ok(Compound::list(self.0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Stop> {
        Ok(Compound::list(self.0))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Stop> {
        Ok(Compound::list(self.0))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Stop> {
        Compound::object(self.0).into_variant(variant, Compound::list)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Stop> {
        Ok(Compound::object(self.0))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Stop> {
        Ok(Compound::object(self.0))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Stop> {
        Compound::object(self.0).into_variant(variant, Compound::object)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Stop> {
        let mut full = false;
        self.0.text_of(|buf, limit| {
            let mut text = Escaper { buf, push: escape::push, limit, full: false };
            let written = write!(text, "{value}");
            full = text.full;
            if written.is_ok() || full { Ok(()) } else { Err(Stop) }
        })?;
        self.0.line.clipped |= full;
        Ok(())
    }
}
