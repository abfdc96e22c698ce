-- A shop small enough to be swept hundreds of times, with one of each thing that a swap must move,
-- drop or make.
CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40)) DEFAULT CHARSET=utf8mb4;
CREATE TABLE `it's orders` (
  id INT AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL,
  total DECIMAL(8,2), doubled DECIMAL(9,2) AS (total * 2) STORED,
  FOREIGN KEY (customer) REFERENCES customers (id)
) DEFAULT CHARSET=utf8mb4;
CREATE SEQUENCE numbers START WITH 500 INCREMENT BY 7;
INSERT INTO customers VALUES (1, 'Ann 🦀'), (2, 'Bob; --'), (3, 'Cy''s');
INSERT INTO `it's orders` (customer, total) VALUES (1, 9.99), (1, NEXT VALUE FOR numbers), (3, 0);
DELIMITER //
CREATE DEFINER = 'customer_42'@'localhost' FUNCTION tax(amount DECIMAL(8,2)) RETURNS DECIMAL(8,2)
  DETERMINISTIC RETURN amount * 0.19//
CREATE DEFINER = 'customer_42'@'localhost' VIEW z_orders AS
  SELECT id, customer, tax(total) AS tax FROM `it's orders`//
CREATE DEFINER = 'customer_42'@'localhost' VIEW a_taxes AS SELECT SUM(tax) AS tax FROM z_orders//
CREATE DEFINER = 'customer_42'@'localhost' TRIGGER named BEFORE INSERT ON customers FOR EACH ROW
BEGIN
  /* a comment; with a line end */
  SET NEW.name = CONCAT(NEW.name, '; 🦀');
END//
CREATE DEFINER = 'customer_42'@'localhost' EVENT yearly ON SCHEDULE EVERY 1 YEAR
  STARTS '2037-01-01 00:00:00' DO DELETE FROM `it's orders` WHERE total = 0//
DELIMITER ;
GRANT EXECUTE ON FUNCTION tax TO 'report_42'@'localhost';
