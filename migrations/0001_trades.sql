CREATE TABLE `trade_chunks` (
	`instrument_id` integer NOT NULL,
	`minute` integer NOT NULL,
	`epoch` text NOT NULL,
	`part` integer NOT NULL,
	`slice` integer NOT NULL,
	`count` integer NOT NULL,
	`first_id` text NOT NULL,
	`last_id` text NOT NULL,
	`first_time` integer NOT NULL,
	`last_time` integer NOT NULL,
	`data` blob NOT NULL,
	PRIMARY KEY(`instrument_id`, `minute`, `epoch`, `part`, `slice`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `trade_gaps` (
	`instrument_id` integer NOT NULL,
	`from_time` integer NOT NULL,
	`to_time` integer NOT NULL,
	`reason` text NOT NULL,
	PRIMARY KEY(`instrument_id`, `from_time`, `to_time`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `trade_spans` (
	`instrument_id` integer NOT NULL,
	`from_time` integer NOT NULL,
	`to_time` integer NOT NULL,
	PRIMARY KEY(`instrument_id`, `from_time`)
) WITHOUT ROWID;
