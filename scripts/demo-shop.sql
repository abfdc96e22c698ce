-- The database of the demo's shop: some of everything that a schema can have.
SET NAMES utf8mb4;

CREATE TABLE customers (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  email VARCHAR(190) NOT NULL UNIQUE
);
INSERT INTO customers (name, email)
  SELECT CONCAT('Customer ', seq, ' 🦀'), CONCAT('customer', seq, '@example.org') FROM seq_1_to_2000;

CREATE SEQUENCE invoice_numbers START WITH 5000 INCREMENT BY 1;
CREATE TABLE orders (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer INT NOT NULL,
  pieces INT NOT NULL,
  price DECIMAL(8,2) NOT NULL,
  invoice INT NULL,
  total DECIMAL(12,2) GENERATED ALWAYS AS (pieces * price) STORED,
  label VARCHAR(40) GENERATED ALWAYS AS (CONCAT('#', id, ': ', total)) VIRTUAL,
  KEY total (total),
  CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE
);
INSERT INTO orders (customer, pieces, price)
  SELECT 1 + seq MOD 2000, 1 + seq MOD 7, 0.99 + seq MOD 90 FROM seq_1_to_20000;

CREATE TABLE `it's` (id INT PRIMARY KEY, `what's "in it"` VARCHAR(40));
INSERT INTO `it's` VALUES (1, 'O''Brien'), (2, '🐘; DROP TABLE orders; --');

DELIMITER $$
CREATE TRIGGER number_invoice BEFORE INSERT ON orders FOR EACH ROW
BEGIN
  /* an invoice; and its number */
  -- one more
  SET NEW.invoice = NEXTVAL(invoice_numbers);
END $$
CREATE PROCEDURE forget_customer(IN forgotten INT) DELETE FROM customers WHERE id = forgotten $$
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 03:00:00' COMMENT 'it''s daily'
  DO DELETE FROM orders WHERE pieces = 0 $$
DELIMITER ;

-- The first of these needs the second, which is made before it but comes later in the alphabet.
CREATE VIEW turnover AS
  SELECT customer, COUNT(*) AS orders, SUM(total) AS total FROM orders GROUP BY customer;
CREATE VIEW best_customers AS
  SELECT name, orders, total FROM turnover JOIN customers ON id = customer WHERE total > 1000;
INSERT INTO orders (customer, pieces, price) VALUES (1, 2, 19.99), (2, 1, 5);
