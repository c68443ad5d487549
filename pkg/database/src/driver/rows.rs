//! Dates that no Rust type can hold. Reading one panics in the driver (`infinity` is such a date), so a row that has one is
//! an error instead of a row.

/// A row that can be read without a panic.
pub(super) trait Checked: Sized {
    fn checked(self) -> sqlx::Result<Self>;
}

/// SQLite keeps dates as text and numbers, whose conversion returns errors.
#[cfg(feature = "sqlite")]
impl Checked for sqlx::sqlite::SqliteRow {
    fn checked(self) -> sqlx::Result<Self> {
        Ok(self)
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::{
        Column as _, Row as _, TypeInfo as _, ValueRef as _,
        postgres::{PgRow, PgValueFormat, PgValueRef},
    };

    use super::Checked;

    impl Checked for PgRow {
        fn checked(self) -> sqlx::Result<Self> {
            for (index, column) in self.columns().iter().enumerate() {
                let is_date = match column.type_info().name() {
                    "DATE" => true,
                    "TIMESTAMP" | "TIMESTAMPTZ" => false,
                    _ => continue,
                };
                if !fits(&self.try_get_raw(index)?, is_date) {
                    return Err(sqlx::Error::ColumnDecode {
                        index: column.name().to_owned(),
                        source: "the date is infinite or outside of the years that can be read".into(),
                    });
                }
            }
            Ok(self)
        }
    }

    const MICROS_PER_DAY: i64 = 86_400_000_000;

    /// Dates are sent as days since 2000-01-01, timestamps as microseconds since then.
    fn fits(value: &PgValueRef<'_>, is_date: bool) -> bool {
        if value.is_null() || value.format() != PgValueFormat::Binary {
            return true;
        }
        let Ok(bytes) = value.as_bytes() else { return true };
        let days = if is_date {
            bytes.try_into().map(i32::from_be_bytes).map(i64::from)
        } else {
            bytes.try_into().map(i64::from_be_bytes).map(|micros| micros.div_euclid(MICROS_PER_DAY))
        };
        days.is_ok_and(|days| bounds().contains(&days))
    }

    /// The days that every date type compiled in can hold, less one at each end for time zones.
    fn bounds() -> std::ops::RangeInclusive<i64> {
        let (mut first, mut last) = (i64::from(i32::MIN), i64::from(i32::MAX));
        #[cfg(feature = "time")]
        {
            use sea_orm::prelude::TimeDate;
            /// 2000-01-01.
            const EPOCH: i64 = 2_451_545;
            first = first.max(i64::from(TimeDate::MIN.to_julian_day()) - EPOCH + 1);
            last = last.min(i64::from(TimeDate::MAX.to_julian_day()) - EPOCH - 1);
        }
        #[cfg(feature = "chrono")]
        {
            use sea_orm::prelude::ChronoDate;
            if let Some(epoch) = ChronoDate::from_ymd_opt(2000, 1, 1) {
                first = first.max(ChronoDate::MIN.signed_duration_since(epoch).num_days() + 1);
                last = last.min(ChronoDate::MAX.signed_duration_since(epoch).num_days() - 1);
            }
        }
        first..=last
    }
}
