-- The sample shop's programs, made after its rows. All belong to the site's own account.
SET NAMES utf8mb4;
SET sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION';

DELIMITER $$
CREATE DEFINER = 'customer_42'@'localhost' FUNCTION full_name(customer INT) RETURNS VARCHAR(200)
  CHARSET utf8mb4 READS SQL DATA SQL SECURITY INVOKER COMMENT 'it''s "the" name; -- not'
BEGIN
  -- one; and a quote that is never closed: don't
  # two `
  /* three; */ /*! SET @three = 3 */;
  RETURN (SELECT CONCAT(`name`, ' <', email, '>;\n\\', "it's 🦀", '$', '$') FROM customers
          WHERE id = customer);
END $$

CREATE DEFINER = 'customer_42'@'localhost' PROCEDURE `it's a "procedure"; -- ``x```(
  IN `a b` INT, INOUT total DECIMAL(10,2), OUT said VARCHAR(99) CHARSET utf8mb4)
  MODIFIES SQL DATA DETERMINISTIC
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION SET said = 'DELIMITER ;\n\\! touch /tmp/smuggled\n🐚';
  prepared: LOOP
    EXECUTE IMMEDIATE 'SELECT 1; -- two' ;
    LEAVE prepared;
  END LOOP;
  SET total = total + `a b`	; /* a tab, and spaces at the end */   
END $$

CREATE DEFINER = 'customer_42'@'localhost' PROCEDURE tidy() COMMENT 'kept'
  DELETE FROM cache WHERE id IS NULL $$

-- Two on the same moment, in the other order than their names'.
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER z_first BEFORE INSERT ON customers FOR EACH ROW
BEGIN
  /* a comment */
  -- one
  SET NEW.name = CONCAT(NEW.name, '; not the end; 🦀');
END $$
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER a_second BEFORE INSERT ON customers FOR EACH ROW
FOLLOWS z_first SET NEW.email = LOWER(NEW.email) $$
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER `m``between` BEFORE INSERT ON customers
FOR EACH ROW PRECEDES a_second SET NEW.secret = "it's" $$
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER on_order AFTER UPDATE ON orders FOR EACH ROW
  INSERT INTO notes (of_order, text) VALUES (NEW.id, CONCAT('was ', OLD.total)) $$
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER `it's` AFTER DELETE ON `it's` FOR EACH ROW
  INSERT INTO `a space and
a line` (id) VALUES (OLD.id + 1000) $$
DELIMITER ;

-- Views, of which each needs one whose name comes later in the alphabet.
CREATE DEFINER = 'customer_42'@'localhost' VIEW z_base AS
  SELECT id, email, name, recommended_by FROM customers WHERE name <> '🦖; it''s';
CREATE DEFINER = 'customer_42'@'localhost' SQL SECURITY INVOKER VIEW m_checked AS
  SELECT * FROM z_base WHERE id < 1000000 WITH CASCADED CHECK OPTION;
CREATE ALGORITHM = TEMPTABLE DEFINER = 'customer_42'@'localhost' VIEW c_named AS
  SELECT id, full_name(id) AS `full
name`, 'x' AS `it's a "column"` FROM m_checked;
CREATE ALGORITHM = MERGE DEFINER = 'customer_42'@'localhost' VIEW `a ``top`` ünd` (`größe`, b) AS
  SELECT c.id, o.total FROM c_named AS c LEFT JOIN orders AS o ON o.customer = c.id;
CREATE DEFINER = 'customer_42'@'localhost' VIEW prices_then AS
  SELECT * FROM prices FOR SYSTEM_TIME AS OF TIMESTAMP '2023-11-15 00:00:00';

-- Events: one every day, in a time zone of its own; one that is switched off; one that comes once.
DELIMITER $$
SET time_zone = '+05:30' $$
CREATE DEFINER = 'customer_42'@'localhost' EVENT daily ON SCHEDULE EVERY 1 DAY
  STARTS '2037-06-01 03:00:00' ENDS '2037-12-01 00:00:00' ON COMPLETION PRESERVE ENABLE
  COMMENT 'it''s daily' DO
BEGIN
  -- clean; up
  DELETE FROM notes WHERE text = 'it''s old; 🗑' /* no more */;
END $$
SET time_zone = 'SYSTEM' $$
CREATE DEFINER = 'customer_42'@'localhost' EVENT `switched "off"` ON SCHEDULE EVERY '1:30' MINUTE_SECOND
  STARTS '2037-06-01 03:00:00' DISABLE DO CALL tidy() $$
CREATE DEFINER = 'customer_42'@'localhost' EVENT once ON SCHEDULE AT '2037-12-31 23:59:59'
  DO INSERT INTO words (word) VALUES ('once') $$

-- In another dialect: double quotes are for names, and a backslash is a backslash.
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT' $$
CREATE DEFINER = 'customer_42'@'localhost' FUNCTION "ansi ""quoted""" () RETURNS VARCHAR(80)
  DETERMINISTIC
  RETURN 'C:\new\' || 'it''s' || (SELECT MAX("email") FROM "customers") $$
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER "ansi" BEFORE UPDATE ON "back`tick" FOR EACH ROW
  SET NEW."b`t" = LENGTH('\') $$
CREATE DEFINER = 'customer_42'@'localhost' VIEW ansi_view AS SELECT '\' || "name" AS "a\b" FROM "customers" $$
CREATE DEFINER = 'customer_42'@'localhost' EVENT "ansi event" ON SCHEDULE EVERY 2 YEAR
  STARTS '2037-01-01 00:00:00' DISABLE DO SET @"a" = '\' $$
DELIMITER ;

-- With line ends of another system.
SET sql_mode = 'NO_ENGINE_SUBSTITUTION';
EXECUTE IMMEDIATE 'CREATE DEFINER = ''customer_42''@''localhost'' PROCEDURE windows()\r\nBEGIN\r\n\tSELECT ''a\r\nb''; -- ends\r\nEND';

GRANT EXECUTE ON PROCEDURE tidy TO 'customer_42'@'localhost';
GRANT EXECUTE, ALTER ROUTINE, GRANT OPTION ON PROCEDURE tidy TO 'report_42'@'localhost';
GRANT EXECUTE ON FUNCTION full_name TO 'report_42'@'localhost';
GRANT SELECT, UPDATE (name) ON customers TO 'report_42'@'localhost';
GRANT SELECT ON m_checked TO 'report_42'@'localhost';
