CREATE TABLE `backfill_windows` (
	`backfill_id` text NOT NULL,
	`series_id` integer NOT NULL,
	`start_time` integer NOT NULL,
	`end_time` integer NOT NULL,
	`covered_before` integer NOT NULL,
	`finished_at` integer,
	`cancelled_at` integer,
	PRIMARY KEY(`backfill_id`, `series_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `backfill_windows_by_series` ON `backfill_windows` (`series_id`);--> statement-breakpoint
CREATE TABLE `backfills` (
	`id` text PRIMARY KEY NOT NULL,
	`request` text NOT NULL,
	`created_at` integer NOT NULL,
	`cancelled_at` integer
);
--> statement-breakpoint
CREATE TABLE `candles` (
	`series_id` integer NOT NULL,
	`open_time` integer NOT NULL,
	`open` text NOT NULL,
	`high` text NOT NULL,
	`low` text NOT NULL,
	`close` text NOT NULL,
	`volume` text NOT NULL,
	`quote_volume` text,
	`trade_count` integer,
	`revision` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`series_id`, `open_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `coverage` (
	`series_id` integer NOT NULL,
	`start_time` integer NOT NULL,
	`end_time` integer NOT NULL,
	`written_by` text NOT NULL,
	PRIMARY KEY(`series_id`, `start_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `empty_slots` (
	`series_id` integer NOT NULL,
	`open_time` integer NOT NULL,
	`confirmed_at` integer NOT NULL,
	PRIMARY KEY(`series_id`, `open_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `gaps` (
	`series_id` integer NOT NULL,
	`open_time` integer NOT NULL,
	`reason` text NOT NULL,
	`first_seen` integer NOT NULL,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`last_error` text,
	`absent_since` integer,
	PRIMARY KEY(`series_id`, `open_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `instruments` (
	`id` integer PRIMARY KEY NOT NULL,
	`exchange` text NOT NULL,
	`kind` text NOT NULL,
	`symbol` text NOT NULL,
	`exchange_symbol` text NOT NULL,
	`base` text NOT NULL,
	`quote` text NOT NULL,
	`settle` text,
	`inverse` integer NOT NULL,
	`contract_size` text,
	`tick_size` text,
	`lot_size` text,
	`active` integer NOT NULL,
	`listed` integer DEFAULT true NOT NULL,
	`listed_at` integer,
	`valid_from` integer NOT NULL,
	`valid_to` integer,
	`end_found` integer DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `instruments_current` ON `instruments` (`exchange`,`kind`,`exchange_symbol`) WHERE listed;--> statement-breakpoint
CREATE INDEX `instruments_by_symbol` ON `instruments` (`exchange`,`symbol`);--> statement-breakpoint
CREATE TABLE `leases` (
	`exchange` text NOT NULL,
	`role` text NOT NULL,
	`generation` integer NOT NULL,
	`writer` integer NOT NULL,
	PRIMARY KEY(`exchange`, `role`),
	CONSTRAINT "lease_is_current" CHECK(writer = generation)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `quarantine` (
	`id` integer PRIMARY KEY NOT NULL,
	`series_id` integer NOT NULL,
	`open_time` integer NOT NULL,
	`reason` text NOT NULL,
	`raw` text NOT NULL,
	`first_seen` integer NOT NULL,
	`last_seen` integer NOT NULL,
	`times_seen` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `quarantine_key` ON `quarantine` (`series_id`,`open_time`,`reason`,`raw`);--> statement-breakpoint
CREATE TABLE `rejected_instruments` (
	`exchange` text NOT NULL,
	`kind` text NOT NULL,
	`exchange_symbol` text NOT NULL,
	`reason` text NOT NULL,
	`raw` text NOT NULL,
	`first_seen` integer NOT NULL,
	`last_seen` integer NOT NULL,
	PRIMARY KEY(`exchange`, `kind`, `exchange_symbol`)
);
--> statement-breakpoint
CREATE TABLE `rollups` (
	`series_id` integer NOT NULL,
	`interval` text NOT NULL,
	`open_time` integer NOT NULL,
	`close_time` integer NOT NULL,
	`open` text NOT NULL,
	`high` text NOT NULL,
	`low` text NOT NULL,
	`close` text NOT NULL,
	`volume` text NOT NULL,
	`quote_volume` text,
	`trade_count` integer,
	PRIMARY KEY(`series_id`, `interval`, `open_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `series` (
	`id` integer PRIMARY KEY NOT NULL,
	`instrument_id` integer NOT NULL,
	`interval` text NOT NULL,
	`source` text NOT NULL,
	`recorded_from` integer,
	`first_candle_time` integer,
	`verified_to` integer,
	`revision` integer DEFAULT 0 NOT NULL,
	`version` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer DEFAULT 0 NOT NULL,
	`last_error` text,
	FOREIGN KEY (`instrument_id`) REFERENCES `instruments`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `series_key` ON `series` (`instrument_id`,`interval`,`source`);--> statement-breakpoint
CREATE TRIGGER `candle_revised` AFTER UPDATE OF `open`, `high`, `low`, `close`, `volume`, `quote_volume`, `trade_count` ON `candles`
BEGIN
	UPDATE `series` SET `revision` = `revision` + 1 WHERE `id` = NEW.`series_id`;
	DELETE FROM `rollups` WHERE `series_id` = NEW.`series_id` AND `open_time` <= NEW.`open_time` AND `close_time` > NEW.`open_time`;
END;
--> statement-breakpoint
CREATE TRIGGER `empty_slot_filled` AFTER DELETE ON `empty_slots`
BEGIN
	UPDATE `series` SET `revision` = `revision` + 1 WHERE `id` = OLD.`series_id`;
	DELETE FROM `rollups` WHERE `series_id` = OLD.`series_id` AND `open_time` <= OLD.`open_time` AND `close_time` > OLD.`open_time`;
END;
