"use strict";
/*
 * Draws what the event of each second says. Names and addresses become text nodes and nothing else. While the page is paused
 * or behind another it asks for nothing.
 */
(() => {
	const RETRY_MS = 3000, SILENCE_MS = 6000, WIDEST = 11, WIDEST_SMALL = 7;
	const byId = (id) => document.getElementById(id);
	const count = (number) => number.toLocaleString("en");
	const svg = (name, attributes) => {
		const element = document.createElementNS("http://www.w3.org/2000/svg", name);
		for (const [key, value] of Object.entries(attributes))
			element.setAttribute(key, value);
		return element;
	};
	document.documentElement.classList.add("js");

	const duration = (us) => us < 1e3 ? us.toFixed(0) + "us" : us < 1e6 ? (us / 1e3).toFixed(1) + "ms"
		: us < 1e8 ? (us / 1e6).toFixed(1) + "s" : us < 7.2e9 ? (us / 6e7).toFixed(0) + "m"
			: us < 1.728e11 ? (us / 3.6e9).toFixed(1) + "h" : (us / 8.64e10).toFixed(1) + "d";

	/* The diagram */

	/* The style shows one of the two. Below it the report has histograms; here one line is enough, or a few. */
	const wide = document.querySelector(".fsm:not(.small)"), small = document.querySelector(".fsm.small");
	wide.setAttribute("viewBox", "-40 0 940 700");
	wide.querySelector(".hint").setAttribute("y", 676);
	wide.querySelector(".hint").textContent = "Point at a state, or reach it with the Tab key: its numbers appear here.";
	small.setAttribute("viewBox", "-8 0 416 700");
	small.querySelector(".hint").textContent = "Touch a state: its numbers appear here.";

	const LINE = 15, COLUMNS = 58;
	const breakLines = (text) => text.split(" ").reduce((lines, word) => {
		const last = lines.at(-1);
		return last !== undefined && (last + " " + word).length <= COLUMNS ? [...lines.slice(0, -1), last + " " + word] : [...lines, word];
	}, []);
	const fillPanel = (panel, text) => {
		if (!small.contains(panel)) {
			panel.textContent = text;
			return;
		}
		panel.replaceChildren(...breakLines(text).map((line, i) => {
			const part = svg("tspan", {x: panel.getAttribute("x"), dy: i ? LINE : 0});
			part.textContent = line;
			return part;
		}));
	};

	/* From what the page draws: where an arrow begins, its tip, and its direction. */
	const readArrow = (group) => {
		const line = group.querySelector("line"), head = group.querySelector("path:not(.cross)");
		const [tipX, tipY] = head.getAttribute("d").slice(1).split("L")[0].split(" ").map(Number);
		const x = Number(line.getAttribute("x1")), y = Number(line.getAttribute("y1"));
		const length = Math.hypot(tipX - x, tipY - y), ux = (tipX - x) / length, uy = (tipY - y) / length;
		return {group, line, head, label: group.querySelector("text"), title: group.querySelector("title"), tipX, tipY, ux, uy,
			widest: small.contains(group) ? WIDEST_SMALL : WIDEST,
			from: group.dataset.from, to: group.dataset.to};
	};

	const ways = [...document.querySelectorAll(".fsm .way")].map(readArrow);
	const forced = [...document.querySelectorAll(".fsm .forced")].map(readArrow);
	const known = new Set(ways.map((way) => way.from + " " + way.to));

	/* Not CLOSE, which is no connection, and not LISTEN. */
	const counted = (state) => state !== "CLOSE" && state !== "LISTEN";

	const states = [...document.querySelectorAll(".fsm .state")].map((group) => {
		const name = group.querySelector(".name"), y = Number(name.getAttribute("y"));
		const now = svg("text", {class: "median", x: name.getAttribute("x"), y: y + 10});
		if (!counted(group.dataset.state))
			return {group, now, state: group.dataset.state, panel: group.querySelector(".panel text")};
		name.setAttribute("y", y - 8);
		name.after(now);
		return {group, now, state: group.dataset.state, panel: group.querySelector(".panel text")};
	});

	const drawArrow = (arrow, number, most, words) => {
		const width = number ? 1.2 + (arrow.widest - 1.2) * number / most : 1;
		const {tipX, tipY, ux, uy} = arrow, head = 7 + width * 0.7, half = 3.5 + width * 0.7;
		const x = tipX - ux * head, y = tipY - uy * head;
		arrow.line.setAttribute("x2", x);
		arrow.line.setAttribute("y2", y);
		arrow.line.setAttribute("stroke-width", width);
		arrow.head.setAttribute("d", `M${tipX} ${tipY}L${x - uy * half} ${y + ux * half}L${x + uy * half} ${y - ux * half}Z`);
		arrow.label.textContent = number ? count(number) : "";
		arrow.title.textContent = words;
		arrow.group.dataset.count = number;
	};

	const words = (why) => why.map(([name, number]) => count(number) + " " + name).join(", ");

	const drawDiagram = (data) => {
		const travelled = new Map(data.ways.map(([from, to, number]) => [from + " " + to, number]));
		const ends = new Map(data.forced.map((end) => [end.from, end]));
		const most = Math.max(1, ...travelled.values(), ...data.forced.map((end) => end.count));
		for (const way of ways) {
			const number = travelled.get(way.from + " " + way.to) || 0;
			way.group.classList.toggle("unused", !number);
			drawArrow(way, number, most, `${way.from} to ${way.to}: ${count(number)}`);
		}
		for (const arrow of forced) {
			const end = ends.get(arrow.from);
			arrow.group.classList.toggle("none", !end);
			drawArrow(arrow, end ? end.count : 0, most, end ? `Forced out of ${arrow.from}: ${words(end.why)}` : "");
		}
		for (const {group, now, state, panel} of states) {
			const number = data.states[state] ?? 0, end = ends.get(state);
			const left = data.ways.reduce((sum, [from, , n]) => sum + (from === state ? n : 0), 0);
			const text = `${state}: ${count(number)} now; left ${count(left)} times for another state` +
				(end ? `; forced out: ${words(end.why)}` : "");
			group.dataset.count = number;
			group.setAttribute("aria-label", text);
			fillPanel(panel, text);
			now.textContent = counted(state) ? count(number) + " now" : "";
		}
	};

	/* Tables */

	const cell = (text, number) => {
		const td = document.createElement("td"), bdi = document.createElement("bdi");
		td.className = number ? "n" : "";
		bdi.textContent = text;
		bdi.title = text;
		td.append(bdi);
		return td;
	};

	const fill = (id, rows) => {
		const body = byId(id).tBodies[0];
		body.replaceChildren(...rows.map((cells) => {
			const tr = document.createElement("tr");
			tr.append(...cells);
			return tr;
		}));
		body.closest(".scroll").hidden = !rows.length;
	};

	const drawTransitions = (data) => {
		const rows = data.ways.map(([from, to, number]) => [cell(from), cell(to), cell(count(number), true),
			cell(known.has(from + " " + to) ? "as in RFC 9293" : "not in RFC 9293")]);
		fill("transitions", [...rows, ...data.forced.map((end) =>
			[cell(end.from), cell("CLOSE"), cell(count(end.count), true), cell("forced: " + words(end.why))])]);
	};

	const drawLeaks = (data) => {
		byId("leaks-note").textContent = !data.leaking && !data.leaks.length ? "None."
			: `${count(data.leaking)} sockets leak.` + (data.leaks_not_shown ? ` Not shown: ${count(data.leaks_not_shown)} alerts.` : "");
		fill("leaks-table", data.leaks.map((leak) => [cell(leak.process), cell(count(leak.count), true),
			cell((leak.at_least ? "\u2265" : "") + duration(leak.age_us), true), cell(leak.cause + (leak.certain ? "" : "?")),
			cell(leak.local), cell(leak.peer)]));
	};

	const drawFindings = (data) => {
		byId("findings-note").textContent = !data.findings_watched
			? "Nobody looks for findings: no output of this run has them. --events finding adds them."
			: data.findings_count > data.findings.length
				? `The worst ${data.findings.length} of ${count(data.findings_count)}.` : data.findings_count ? "" : "None.";
		byId("findings-list").replaceChildren(...data.findings.map((finding) => {
			const box = document.createElement("div"), head = document.createElement("h3"), text = document.createElement("p");
			const severity = document.createElement("span");
			box.className = "finding " + (finding.severity === "critical" ? "critical" : "");
			severity.className = "severity";
			severity.textContent = `${finding.severity}, since ${finding.since.slice(0, 19).replace("T", " ")}Z`;
			head.append(finding.finding + " ", severity);
			text.textContent = finding.message;
			box.append(head, text);
			return box;
		}));
	};

	const drawConnections = (data) => fill("recent-table", data.connections.map((conn) => [cell(conn.state ?? "ended: " + conn.end),
		cell(conn.ago_us === null ? "-" : duration(conn.ago_us), true), cell(conn.lived_us === null ? "-" : duration(conn.lived_us), true),
		cell(conn.process), cell(conn.local), cell(conn.peer)]));

	/* Numbers */

	let before = null;
	const tile = (name, text, kind) => {
		const box = byId("tile-" + name);
		box.querySelector("dd").textContent = text;
		box.className = "tile " + (kind || "");
	};

	const drawNumbers = (data) => {
		const seconds = before && data.at_us > before.at_us ? (data.at_us - before.at_us) / 1e6 : 0;
		const rate = (name) => seconds ? count(Math.round((data[name] - before[name]) / seconds)) : "-";
		byId("host").textContent = data.host ?? "this host";
		byId("period").textContent = `${data.time.slice(0, 19).replace("T", " ")}Z; counted since ` +
			`${data.start.slice(0, 19).replace("T", " ")}Z. All connections count, whatever is selected or sampled.`;
		tile("now", count(Object.entries(data.states).reduce((sum, [state, number]) => sum + (state === "LISTEN" ? 0 : number), 0)));
		tile("opened", rate("opened"));
		tile("closed", rate("closed"));
		tile("failed", count(data.failed), data.failed ? "warm" : "");
		tile("leaking", count(data.leaking), data.leaking ? "bad" : "");
		tile("standing", data.findings_watched ? count(data.findings_count) : "-", data.findings_count ? "warm" : "");
		tile("lost", count(data.lost), data.lost ? "bad" : "");
		before = data;
	};

	const draw = (data) => {
		drawNumbers(data);
		drawDiagram(data);
		drawTransitions(data);
		drawLeaks(data);
		drawFindings(data);
		drawConnections(data);
	};

	/* The stream */

	let source = null, retry = 0, silence = 0, paused = false;
	const say = (text) => {
		if (byId("state").textContent !== text)
			byId("state").textContent = text;
	};

	const stop = () => {
		clearTimeout(retry);
		clearTimeout(silence);
		source?.close();
		source = null;
		before = null;
	};

	const start = () => {
		stop();
		if (paused || document.hidden)
			return;
		const fail = () => {
			stop();
			say("no numbers: tcplife-fsm has ended or hangs, or as many pages are open as it allows. The page tries again.");
			retry = setTimeout(start, RETRY_MS);
		};
		source = new EventSource("events");
		source.addEventListener("error", fail);
		source.addEventListener("message", (event) => {
			clearTimeout(silence);
			silence = setTimeout(fail, SILENCE_MS);
			say("live");
			const data = JSON.parse(event.data);
			if (data.at_us !== before?.at_us)
				draw(data);
		});
	};

	byId("pause").addEventListener("click", () => {
		paused = !paused;
		byId("pause").textContent = paused ? "Go on" : "Pause";
		if (paused)
			say("paused");
		start();
	});
	document.addEventListener("visibilitychange", start);
	for (const arrow of forced)
		arrow.group.classList.add("none");
	for (const id of ["transitions", "leaks-table", "recent-table"])
		fill(id, []);
	start();
})();
