CREATE TABLE `assets` (
	`asset` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`registered_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `candle_changes` (
	`series_id` integer NOT NULL,
	`open_time` integer NOT NULL,
	`revision` integer NOT NULL,
	`open` text NOT NULL,
	`high` text NOT NULL,
	`low` text NOT NULL,
	`close` text NOT NULL,
	`volume` text NOT NULL,
	PRIMARY KEY(`series_id`, `open_time`, `revision`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `checked_series` (
	`series_id` integer PRIMARY KEY NOT NULL,
	`checked_from` integer NOT NULL,
	`checked_to` integer NOT NULL,
	`checked_at` integer NOT NULL,
	`version` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `exchanges` (
	`exchange` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`registered_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `findings` (
	`id` integer PRIMARY KEY NOT NULL,
	`series_id` integer NOT NULL,
	`kind` text NOT NULL,
	`severity` text NOT NULL,
	`start_time` integer NOT NULL,
	`end_time` integer NOT NULL,
	`evidence` text NOT NULL,
	`first_seen` integer NOT NULL,
	`last_seen` integer NOT NULL,
	`state` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `findings_key` ON `findings` (`series_id`,`kind`,`start_time`);--> statement-breakpoint
CREATE INDEX `findings_by_start` ON `findings` (`start_time`);--> statement-breakpoint
CREATE INDEX `findings_by_end` ON `findings` (`end_time`);--> statement-breakpoint
CREATE TABLE `funding_coverage` (
	`instrument_id` integer NOT NULL,
	`start_time` integer NOT NULL,
	`end_time` integer NOT NULL,
	`written_by` text NOT NULL,
	PRIMARY KEY(`instrument_id`, `start_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `funding_gaps` (
	`instrument_id` integer NOT NULL,
	`start_time` integer NOT NULL,
	`end_time` integer NOT NULL,
	`reason` text NOT NULL,
	`attempts` integer NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`absent_since` integer,
	`written_by` text NOT NULL,
	PRIMARY KEY(`instrument_id`, `start_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `funding_rates` (
	`instrument_id` integer NOT NULL,
	`funding_time` integer NOT NULL,
	`rate` text NOT NULL,
	`mark_price` text,
	`index_price` text,
	`revision` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`instrument_id`, `funding_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `funding_state` (
	`instrument_id` integer PRIMARY KEY NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer DEFAULT 0 NOT NULL,
	`last_error` text
);
--> statement-breakpoint
CREATE TABLE `idempotency_batches` (
	`key` text NOT NULL,
	`number` integer NOT NULL,
	`digest` text NOT NULL,
	`answer` text NOT NULL,
	PRIMARY KEY(`key`, `number`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`key` text PRIMARY KEY NOT NULL,
	`request` text NOT NULL,
	`state` text NOT NULL,
	`created_at` integer NOT NULL,
	`touched_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_creation` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `ingested_chunks` (
	`instrument_id` integer NOT NULL,
	`channel` text NOT NULL,
	`source` text NOT NULL,
	`minute` integer NOT NULL,
	`part` text NOT NULL,
	`slice` integer NOT NULL,
	`count` integer NOT NULL,
	`first_time` integer NOT NULL,
	`last_time` integer NOT NULL,
	`data` blob NOT NULL,
	PRIMARY KEY(`instrument_id`, `channel`, `source`, `minute`, `part`, `slice`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `instrument_aliases` (
	`exchange` text NOT NULL,
	`symbol` text NOT NULL,
	`instrument_id` integer NOT NULL,
	PRIMARY KEY(`exchange`, `symbol`, `instrument_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `late_candles` (
	`series_id` integer NOT NULL,
	`open_time` integer NOT NULL,
	PRIMARY KEY(`series_id`, `open_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `rechecks` (
	`series_id` integer NOT NULL,
	`start_time` integer NOT NULL,
	`end_time` integer NOT NULL,
	`changed` integer NOT NULL,
	`begun` integer DEFAULT false NOT NULL,
	PRIMARY KEY(`series_id`, `start_time`)
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `instruments` ADD `registered` integer DEFAULT false NOT NULL;
--> statement-breakpoint
CREATE TRIGGER `candle_changed` AFTER UPDATE OF `open`, `high`, `low`, `close`, `volume` ON `candles`
WHEN (OLD.`open`, OLD.`high`, OLD.`low`, OLD.`close`, OLD.`volume`) IS NOT (NEW.`open`, NEW.`high`, NEW.`low`, NEW.`close`, NEW.`volume`)
BEGIN
	INSERT INTO `candle_changes` (`series_id`, `open_time`, `revision`, `open`, `high`, `low`, `close`, `volume`)
	VALUES (OLD.`series_id`, OLD.`open_time`, OLD.`revision`, OLD.`open`, OLD.`high`, OLD.`low`, OLD.`close`, OLD.`volume`)
	ON CONFLICT DO NOTHING;
	INSERT INTO `rechecks` (`series_id`, `start_time`, `end_time`, `changed`)
	SELECT NEW.`series_id`, NEW.`open_time` - NEW.`open_time` % 86400000, NEW.`open_time` - NEW.`open_time` % 86400000 + 86400000, 1
	FROM `checked_series`
	WHERE `series_id` = NEW.`series_id` AND `checked_from` <= NEW.`open_time` AND `checked_to` > NEW.`open_time`
	ON CONFLICT DO UPDATE SET `end_time` = max(`end_time`, excluded.`end_time`), `changed` = 1, `begun` = 0
	WHERE `end_time` < excluded.`end_time` OR NOT `changed` OR `begun`;
END;
--> statement-breakpoint
CREATE TRIGGER `candle_filled` AFTER INSERT ON `candles`
WHEN EXISTS (
	SELECT 1 FROM `checked_series`
	WHERE `series_id` = NEW.`series_id` AND `checked_from` <= NEW.`open_time` AND `checked_to` > NEW.`open_time`
)
BEGIN
	INSERT INTO `rechecks` (`series_id`, `start_time`, `end_time`, `changed`)
	VALUES (NEW.`series_id`, NEW.`open_time` - NEW.`open_time` % 86400000, NEW.`open_time` - NEW.`open_time` % 86400000 + 86400000, 1)
	ON CONFLICT DO UPDATE SET `end_time` = max(`end_time`, excluded.`end_time`), `changed` = 1, `begun` = 0
	WHERE `end_time` < excluded.`end_time` OR NOT `changed` OR `begun`;
END;
--> statement-breakpoint
CREATE TRIGGER `candle_late` AFTER DELETE ON `gaps`
WHEN EXISTS (SELECT 1 FROM `candles` WHERE `series_id` = OLD.`series_id` AND `open_time` = OLD.`open_time`)
BEGIN
	INSERT INTO `late_candles` (`series_id`, `open_time`) VALUES (OLD.`series_id`, OLD.`open_time`) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
CREATE TRIGGER `instrument_renamed` AFTER UPDATE OF `symbol` ON `instruments` WHEN OLD.`symbol` <> NEW.`symbol`
BEGIN
	INSERT INTO `instrument_aliases` (`exchange`, `symbol`, `instrument_id`) VALUES (OLD.`exchange`, OLD.`symbol`, OLD.`id`)
	ON CONFLICT DO NOTHING;
END;
