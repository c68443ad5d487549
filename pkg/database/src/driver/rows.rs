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
    use std::ops::RangeInclusive;

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

    /// The days since 2000-01-01 that every date type compiled in can hold, less one at each end for time zones.
    fn bounds() -> RangeInclusive<i64> {
        let all = i64::from(i32::MIN)..=i64::from(i32::MAX);
        [days_of_time(), days_of_chrono()]
            .into_iter()
            .flatten()
            .fold(all, |all, days| *all.start().max(days.start())..=*all.end().min(days.end()))
    }

    #[cfg(feature = "time")]
    #[allow(clippy::unnecessary_wraps, reason = "there is none without the feature")]
    fn days_of_time() -> Option<RangeInclusive<i64>> {
        use sea_orm::prelude::TimeDate;
        /// 2000-01-01.
        const EPOCH: i64 = 2_451_545;
        let day = |date: TimeDate| i64::from(date.to_julian_day()) - EPOCH;
        Some(day(TimeDate::MIN) + 1..=day(TimeDate::MAX) - 1)
    }

    #[cfg(not(feature = "time"))]
    fn days_of_time() -> Option<RangeInclusive<i64>> {
        None
    }

    #[cfg(feature = "chrono")]
    fn days_of_chrono() -> Option<RangeInclusive<i64>> {
        use sea_orm::prelude::ChronoDate;
        let epoch = ChronoDate::from_ymd_opt(2000, 1, 1)?;
        let day = |date: ChronoDate| date.signed_duration_since(epoch).num_days();
        Some(day(ChronoDate::MIN) + 1..=day(ChronoDate::MAX) - 1)
    }

    #[cfg(not(feature = "chrono"))]
    fn days_of_chrono() -> Option<RangeInclusive<i64>> {
        None
    }
}
