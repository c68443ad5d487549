SELECT lane, owner FROM underpin_outbox_lanes
WHERE lane = ANY($1::text::smallint[]) ORDER BY lane FOR UPDATE
