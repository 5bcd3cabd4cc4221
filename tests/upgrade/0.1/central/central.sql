BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	what VARCHAR(64) NOT NULL, 
	detail TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,'2026-11-27 18:04:40.860106','command line','account added','teacher (teacher)');
INSERT INTO "audit" VALUES(2,'2026-11-27 18:04:40.860106','command line','account added','coordinator (coordinator)');
INSERT INTO "audit" VALUES(3,'2026-11-27 18:04:40.860106','command line','account added','safeguarding (safeguarding)');
INSERT INTO "audit" VALUES(4,'2026-11-27 18:04:40.860106','command line','account added','head (head)');
INSERT INTO "audit" VALUES(5,'2026-11-27 18:04:40.860106','command line','account added','governor (governor)');
INSERT INTO "audit" VALUES(6,'2026-11-27 18:04:40.860106','command line','account added','technician (technician)');
INSERT INTO "audit" VALUES(7,'2026-11-27 18:04:40.860106','coordinator','account added','supply (teacher)');
INSERT INTO "audit" VALUES(8,'2026-11-27 18:04:40.860106','coordinator','account added','left (teacher)');
INSERT INTO "audit" VALUES(9,'2026-11-27 18:04:40.860106','coordinator','account ended','left');
INSERT INTO "audit" VALUES(10,'2026-11-27 18:04:41.580380','central','index published','906 names');
INSERT INTO "audit" VALUES(11,'2026-11-27 18:04:42.767648','command line','room enrolled','Room 4');
INSERT INTO "audit" VALUES(12,'2026-11-27 18:04:45.925451','command line','room enrolled','Room 5');
INSERT INTO "audit" VALUES(13,'2026-11-27 18:04:47.060497','coordinator','rule: block','blocked.example.org');
INSERT INTO "audit" VALUES(14,'2026-11-27 18:04:47.082506','coordinator','rule: allow','open.example.org');
INSERT INTO "audit" VALUES(15,'2026-11-27 18:04:47.101336','coordinator','rule: block','locked.example.org');
INSERT INTO "audit" VALUES(16,'2026-11-27 18:04:47.123525','coordinator','delegated to teachers','games, 30 minutes, 5 times a day');
INSERT INTO "audit" VALUES(17,'2026-11-27 18:04:47.157328','coordinator','source added','our-list (games) /var/lib/hallpass/central/lists/15b92d9a38de41e77da01916ebbff993.list');
INSERT INTO "audit" VALUES(18,'2026-11-27 18:04:47.305316','teacher','report','report-one.example.org should be closed (Room 5)');
INSERT INTO "audit" VALUES(19,'2026-11-27 18:04:47.316867','teacher','report','report-two.example.org should be closed (Room 5)');
INSERT INTO "audit" VALUES(20,'2026-11-27 18:04:47.333521','teacher','lesson started','maps.example.org for 60 minutes (Room 5, at 18:04)');
INSERT INTO "audit" VALUES(21,'2026-11-27 18:04:47.348141','supply','request','room-five.example.org for 60 minutes in Room 5');
INSERT INTO "audit" VALUES(22,'2026-11-27 18:04:47.377922','coordinator','report settled','report-one.example.org');
INSERT INTO "audit" VALUES(23,'2026-11-27 18:04:47.529378','coordinator','incident acknowledged','told-a-grown-up in Room 5');
INSERT INTO "audit" VALUES(24,'2026-11-27 18:04:47.634754','central','index published','907 names');
INSERT INTO "audit" VALUES(25,'2026-11-27 18:04:48.139057','teacher','request','waiting.example.org for 30 minutes in Room 4');
INSERT INTO "audit" VALUES(26,'2026-11-27 18:04:48.182749','teacher','request','denied.example.org for 30 minutes in Room 4');
INSERT INTO "audit" VALUES(27,'2026-11-27 18:04:48.222099','teacher','request','withdrawn.example.org for 30 minutes in Room 4');
INSERT INTO "audit" VALUES(28,'2026-11-27 18:04:48.269177','teacher','request','ended.example.org for 30 minutes in Room 4');
INSERT INTO "audit" VALUES(29,'2026-11-27 18:04:48.352035','teacher','request','approved.example.org for 30 minutes in Room 4');
INSERT INTO "audit" VALUES(30,'2026-11-27 18:04:48.440764','coordinator','denied','denied.example.org in Room 4: Not this time.');
INSERT INTO "audit" VALUES(31,'2026-11-27 18:04:48.469970','coordinator','approved','ended.example.org for 30 minutes in Room 4');
INSERT INTO "audit" VALUES(32,'2026-11-27 18:04:48.494005','coordinator','ended','ended.example.org');
INSERT INTO "audit" VALUES(33,'2026-11-27 18:04:48.525019','coordinator','approved','approved.example.org for pupils for 10080 minutes in the whole school');
INSERT INTO "audit" VALUES(34,'2026-11-27 18:04:48.561732','teacher','request withdrawn','withdrawn.example.org in Room 4');
CREATE TABLE delegations (
	category VARCHAR(64) NOT NULL, 
	minutes INTEGER NOT NULL, 
	per_day INTEGER NOT NULL, 
	PRIMARY KEY (category)
);
INSERT INTO "delegations" VALUES('games',30,5);
CREATE TABLE incidents (
	id VARCHAR(32) NOT NULL, 
	room_id INTEGER NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	happened_at DATETIME NOT NULL, 
	device VARCHAR(64) NOT NULL, 
	evidence JSON NOT NULL, 
	acknowledged_by VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(room_id) REFERENCES rooms (id)
);
INSERT INTO "incidents" VALUES('5b0d8c17269d4595acdbcde19411958b',2,'locked-category','2026-11-27 18:04:47.227279','d-12ab34cd','["bad.example.org"]','');
INSERT INTO "incidents" VALUES('1352336aa0e34722bb118a1f111e85ba',2,'many-refusals','2026-11-27 18:04:47.245629','d-12ab34cd','["bad.example.org"]','');
INSERT INTO "incidents" VALUES('4544a4b02b7c4cec92bcae959d68996a',2,'tunnel','2026-11-27 18:04:47.259919','d-12ab34cd','["bad.example.org"]','');
INSERT INTO "incidents" VALUES('b531d15a0215455eb8413721bd54b3e7',2,'bypass','2026-11-27 18:04:47.274296','d-12ab34cd','["bad.example.org"]','');
INSERT INTO "incidents" VALUES('0e9c28edce5a40ff91c3e25c1516c31e',2,'told-a-grown-up','2026-11-27 18:04:47.277666','d-12ab34cd','["bad.example.org"]','coordinator');
INSERT INTO "incidents" VALUES('78faf604ce826ff7dc315a7e14a4d499',1,'locked-category','2026-11-27 18:04:49.000000','716b2d7004d5','["asked for locked.example.org (locked by a rule), refused"]','');
CREATE TABLE profiles (
	name VARCHAR(64) NOT NULL, 
	closed JSON NOT NULL, 
	safe_search BOOLEAN NOT NULL, 
	keywords BOOLEAN NOT NULL, 
	members JSON NOT NULL, 
	is_default BOOLEAN NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "profiles" VALUES('pupils','["advertising", "ai_tools", "chat", "circumvention", "dating", "discrimination", "drugs", "extremism", "file_hosting", "forums", "gambling", "games", "hate_speech", "malware", "piracy", "pornography", "remote_control", "self_harm", "shopping", "shorteners", "social_networks", "streaming", "violence", "webmail"]',1,1,'[]',1);
INSERT INTO "profiles" VALUES('staff','["circumvention", "discrimination", "drugs", "extremism", "gambling", "hate_speech", "malware", "piracy", "pornography", "self_harm", "violence"]',0,0,'[]',0);
CREATE TABLE publications (
	id INTEGER NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	built_at DATETIME NOT NULL, 
	names INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "publications" VALUES(1,'0ad50705d612456d1bf444a3139f7eed44a5ca9731f0575e5c890746322f1ca5','2026-11-27 18:04:41.580291',906);
INSERT INTO "publications" VALUES(2,'2d2f9a34fcb2317e4a68600a4c0b2052f400874025b5aa0e9887268991f94e6f','2026-11-27 18:04:47.634704',907);
CREATE TABLE pulse (
	id INTEGER NOT NULL, 
	beat INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "pulse" VALUES(1,51);
CREATE TABLE reports (
	id VARCHAR(32) NOT NULL, 
	room_id INTEGER NOT NULL, 
	site VARCHAR(253) NOT NULL, 
	teacher VARCHAR(64) NOT NULL, 
	note TEXT NOT NULL, 
	reported_at DATETIME NOT NULL, 
	settled_by VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(room_id) REFERENCES rooms (id)
);
INSERT INTO "reports" VALUES('c408cf2d109147218042e137bf009bab',2,'report-one.example.org','teacher','a game','2026-11-27 18:04:47.283523','coordinator');
INSERT INTO "reports" VALUES('39a3a0f48d594cd188358b23098be64c',2,'report-two.example.org','teacher','a game','2026-11-27 18:04:47.314463','');
CREATE TABLE requests (
	id VARCHAR(32) NOT NULL, 
	room_id INTEGER NOT NULL, 
	site VARCHAR(253) NOT NULL, 
	also JSON NOT NULL, 
	reason TEXT NOT NULL, 
	lesson VARCHAR(200) NOT NULL, 
	minutes INTEGER NOT NULL, 
	teacher VARCHAR(64) NOT NULL, 
	asked_at DATETIME NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	decided_by VARCHAR(64) NOT NULL, 
	decided_at DATETIME, 
	answer TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(room_id) REFERENCES rooms (id)
);
INSERT INTO "requests" VALUES('817c774523e94983ad152fbe0e125731',2,'room-five.example.org','["cdn.example.org"]','art','Art',60,'supply','2026-11-27 18:04:47.346013','waiting','',NULL,'');
INSERT INTO "requests" VALUES('258fbba9a5679ad4168a552c7529c929',1,'waiting.example.org','[]','a lesson about maps','',30,'teacher','2026-11-27 18:04:48.132803','waiting','',NULL,'');
INSERT INTO "requests" VALUES('748d4bb47d79e965dc7842db98028cd1',1,'denied.example.org','[]','a lesson about maps','',30,'teacher','2026-11-27 18:04:48.170833','denied','coordinator','2026-11-27 18:04:48.440764','Not this time.');
INSERT INTO "requests" VALUES('657eff6c495888192c06dc10457bc088',1,'withdrawn.example.org','[]','a lesson about maps','',30,'teacher','2026-11-27 18:04:48.210257','withdrawn','',NULL,'');
INSERT INTO "requests" VALUES('d6648ec9a1d1dc2ac80ae1c761b7b71d',1,'ended.example.org','[]','a lesson about maps','',30,'teacher','2026-11-27 18:04:48.254481','ended','coordinator','2026-11-27 18:04:48.469970','');
INSERT INTO "requests" VALUES('b8c28b4d5031a4ffd0d44b59d5c879d2',1,'approved.example.org','[]','a lesson about maps','',30,'teacher','2026-11-27 18:04:48.321569','approved','coordinator','2026-11-27 18:04:48.525019','Good idea.');
CREATE TABLE room_actions (
	id VARCHAR(32) NOT NULL, 
	room_id INTEGER NOT NULL, 
	happened_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(room_id) REFERENCES rooms (id)
);
INSERT INTO "room_actions" VALUES('67cfe429d6184100bafed5b86632a5cc',2,'2026-11-27 18:04:47.322537');
CREATE TABLE rooms (
	id INTEGER NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	log_key VARCHAR(64) NOT NULL, 
	enrolled_at DATETIME NOT NULL, 
	last_seen DATETIME, 
	health JSON, 
	policy_version INTEGER NOT NULL, 
	policy_digest VARCHAR(64) NOT NULL, 
	requests_changed INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name), 
	UNIQUE (token_hash)
);
INSERT INTO "rooms" VALUES(1,'Room 4','8f8c51fe471df1628304466f2224c9cb6d686db3e8ad5c2bcaba54a067cc93f2','c88fccdfe330b1c7f3855bdc54f0da1a312f4737863eec24961169727666be01','2026-11-27 18:04:42.767648','2026-11-27 18:04:48.653105','{"version": "0.1.0", "policy": 3, "index": "2d2f9a34fcb2317e4a68600a4c0b2052f400874025b5aa0e9887268991f94e6f", "index_age_seconds": 3.136415958404541, "conditions": []}',3,'83f1c82251f42ced9fd284d3c056dd5ba9971d2d76df353e11e33e6c2e5bb835',10);
INSERT INTO "rooms" VALUES(2,'Room 5','08107b175ae0251e62447a6a63c8a75c1f806b92db740b04e1f2946e6d224157','35b36dbccbc761eff08e9701a853901ff7e788000cc8a57769e553191f4af11b','2026-11-27 18:04:45.925451',NULL,NULL,0,'',1);
CREATE TABLE rules (
	id INTEGER NOT NULL, 
	name VARCHAR(253) NOT NULL, 
	action VARCHAR(5) NOT NULL, 
	locked BOOLEAN NOT NULL, 
	note VARCHAR(200) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	made_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rules" VALUES(1,'blocked.example.org','block',0,'asked for by parents','coordinator','2026-11-27 18:04:47.060497');
INSERT INTO "rules" VALUES(2,'open.example.org','allow',0,'the school''s own site','coordinator','2026-11-27 18:04:47.082506');
INSERT INTO "rules" VALUES(3,'locked.example.org','block',1,'','coordinator','2026-11-27 18:04:47.101336');
CREATE TABLE school (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	timezone VARCHAR(64) NOT NULL, 
	starter_list BOOLEAN NOT NULL, 
	locked_categories JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "school" VALUES(1,'Example Primary','Europe/London',1,'["malware", "pornography"]');
CREATE TABLE sources (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	category VARCHAR(64) NOT NULL, 
	location TEXT NOT NULL, 
	format VARCHAR(16) NOT NULL, 
	"match" VARCHAR(16) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	made_at DATETIME NOT NULL, 
	report JSON, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "sources" VALUES(1,'our-list','games','/var/lib/hallpass/central/lists/15b92d9a38de41e77da01916ebbff993.list','domains','subdomains','coordinator','2026-11-27 18:04:47.157328','{"name": "our-list", "category": "games", "format": "domains", "lines": 2, "entries": 1, "names": 1, "passed_over": {"more than one word, and no syntax of this format": 1}, "problems": [{"file": "15b92d9a38de41e77da01916ebbff993.list", "line": 3, "reason": "more than one word, and no syntax of this format", "text": "bad line here"}], "white": false, "note": "", "held": false}');
CREATE TABLE unblocks (
	id INTEGER NOT NULL, 
	request_id VARCHAR(32), 
	room_id INTEGER, 
	site VARCHAR(253) NOT NULL, 
	also JSON NOT NULL, 
	groups JSON NOT NULL, 
	since DATETIME NOT NULL, 
	until DATETIME NOT NULL, 
	ended_at DATETIME, 
	"by" VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(request_id) REFERENCES requests (id), 
	FOREIGN KEY(room_id) REFERENCES rooms (id), 
	UNIQUE (request_id)
);
INSERT INTO "unblocks" VALUES(1,'d6648ec9a1d1dc2ac80ae1c761b7b71d',1,'ended.example.org','[]','[]','2026-11-27 18:04:48.469970','2026-11-27 18:34:48.469970','2026-11-27 18:04:48.494005','coordinator');
INSERT INTO "unblocks" VALUES(2,'b8c28b4d5031a4ffd0d44b59d5c879d2',NULL,'approved.example.org','[]','["pupils"]','2026-11-27 18:04:48.525019','2026-12-04 18:04:48.525019',NULL,'coordinator');
CREATE TABLE users (
	username VARCHAR(64) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	password VARCHAR(200) NOT NULL, 
	ends DATETIME, 
	failures INTEGER NOT NULL, 
	locked_until DATETIME, 
	PRIMARY KEY (username)
);
INSERT INTO "users" VALUES('teacher','Teacher Example','teacher','$argon2id$v=19$m=19456,t=2,p=1$lzlfjZbtzAR7MWZg2Hk3YQ$tXQCe2AmAEZi34OXfL8WmoceodACPlvssLnq7qiyNYY',NULL,0,NULL);
INSERT INTO "users" VALUES('coordinator','Coordinator Example','coordinator','$argon2id$v=19$m=19456,t=2,p=1$tBwOdYlAmDuCuu5X6VDeEA$qa70Zg0lzMKlgyGOG8C6wrXRokA79q9cb5fOYmRMA0k',NULL,0,NULL);
INSERT INTO "users" VALUES('safeguarding','Safeguarding Example','safeguarding','$argon2id$v=19$m=19456,t=2,p=1$+AgyOVuetEfc7iA5ThmDUg$AsJqVUmrX7f/xndoIaPh9UzE4MVyKPfau6CYKjO098I',NULL,0,NULL);
INSERT INTO "users" VALUES('head','Head Example','head','$argon2id$v=19$m=19456,t=2,p=1$9EGHzKYqxx1nfy9oYeAufg$3d8cHshGa5EpgIcf1kirgwSlgOiCXOKbH9l2/CHAew8',NULL,0,NULL);
INSERT INTO "users" VALUES('governor','Governor Example','governor','$argon2id$v=19$m=19456,t=2,p=1$RiLweYHrjv4bLc0YLr7n/Q$LWuYuzJ+72TwyJM9hAZ6cAjwl47PUQN/BJOq57tMH04',NULL,0,NULL);
INSERT INTO "users" VALUES('technician','Technician Example','technician','$argon2id$v=19$m=19456,t=2,p=1$yjoq5hTQ1NVNP6Fj+aTHuQ$MJark6C+0+ihIdgQH/z3Xs9MyjxVFN7TCbYuQPEo0gE',NULL,0,NULL);
INSERT INTO "users" VALUES('supply','Sam Supply','teacher','$argon2id$v=19$m=19456,t=2,p=1$gI8ms9gc7VI34nSOSyVMhA$M4itlRRKYaVXsh0UGDPxQm0z+eQTFULcoTUHVppjJUo','2036-11-24 18:04:40.860106',0,NULL);
INSERT INTO "users" VALUES('left','Lee Left','teacher','$argon2id$v=19$m=19456,t=2,p=1$mJmbUL3Z/4jpur47DgOF0Q$cvjMwbFBVf1yBoUV1UVEvAsJD8V3zfR2Ty2k1pWEWDY','2026-11-27 18:04:40.860106',0,NULL);
CREATE INDEX ix_audit_at ON audit (at);
CREATE INDEX ix_requests_state ON requests (state);
CREATE INDEX ix_unblocks_until ON unblocks (until);
COMMIT;
