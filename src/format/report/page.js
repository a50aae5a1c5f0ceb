"use strict";
/*
 * The page shows all without this. What it adds: the table of connections can be sorted, filtered and copied, its ladders open
 * one at a time, and lanes can be zoomed. The view stands in the fragment of the address, like
 * #sort=Lived&down=1&filter=end:timeout&open=3&from=0&to=5000000, so that a link shows the same.
 */
(() => {
	const byId = (id) => document.getElementById(id);
	const view = new Map();
	document.documentElement.classList.add("js");

	/* The view */

	const readView = () => {
		view.clear();
		if (location.hash.includes("="))
			for (const [key, value] of new URLSearchParams(location.hash.slice(1)))
				view.set(key, value);
	};

	const setView = (changes) => {
		for (const [key, value] of Object.entries(changes))
			value === null || value === "" ? view.delete(key) : view.set(key, String(value));
		const text = new URLSearchParams([...view]).toString();
		history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
	};

	/* The table of connections */

	const table = byId("connections-table");
	const heads = [...table.tHead.rows[0].cells];
	const names = heads.map((head) => head.textContent);
	const rows = [...table.tBodies[0].rows];
	const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent.toLowerCase()));

	const compare = (column, down) => (a, b) => {
		const x = a.cells[column], y = b.cells[column];
		const order = x.dataset.v !== undefined ? Number(x.dataset.v) - Number(y.dataset.v)
			: x.textContent < y.textContent ? -1 : x.textContent > y.textContent ? 1 : 0;
		return (down ? -order : order) || Number(a.dataset.number) - Number(b.dataset.number);
	};

	const sort = () => {
		const column = names.indexOf(view.get("sort")), down = view.get("down") === "1";
		heads.forEach((head, i) => {
			head.removeAttribute("aria-sort");
			if (i === column)
				head.setAttribute("aria-sort", down ? "descending" : "ascending");
			head.querySelector("button").textContent = names[i] + (i !== column ? "" : down ? " \u2193" : " \u2191");
		});
		const order = column < 0 ? (a, b) => Number(a.dataset.number) - Number(b.dataset.number) : compare(column, down);
		table.tBodies[0].append(...[...rows].sort(order));
	};

	/* A word is in any cell; NAME:WORD in the cell of a column whose name begins with NAME. All words must be there. */
	const wordTest = (word) => {
		const colon = word.indexOf(":");
		const column = colon > 0 ? names.findIndex((name) => name.toLowerCase().startsWith(word.slice(0, colon))) : -1;
		if (column < 0)
			return (cells) => cells.some((text) => text.includes(word));
		return (cells) => cells[column].includes(word.slice(colon + 1));
	};

	const filter = () => {
		const tests = (view.get("filter") || "").toLowerCase().split(/\s+/).filter(Boolean).map(wordTest);
		let shown = 0;
		rows.forEach((row, i) => {
			row.hidden = !tests.every((test) => test(texts[i]));
			shown += !row.hidden;
		});
		byId("shown").textContent = shown.toLocaleString("en");
	};

	/* As the tool's own CSV: what a spreadsheet would take for a formula has an apostrophe in front. */
	const csvCell = (text) => {
		const safe = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20']/.test(text) && text !== "-" ? "'" + text : text;
		return /[",\n]/.test(safe) || safe !== text ? '"' + safe.replaceAll('"', '""') + '"' : safe;
	};

	const csvText = () => {
		const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
		const lines = shown.map((row) => [...row.cells].map((cell, i) =>
			csvCell(cell.dataset.v === undefined ? cell.textContent.trim() : names[i] === "Start" ? cell.textContent : cell.dataset.v)));
		return [names, ...lines].map((cells) => cells.join(",") + "\n").join("");
	};

	const copyCsv = async () => {
		const text = csvText(), count = text.split("\n").length - 2;
		try {
			await navigator.clipboard.writeText(text);
		} catch {
			const area = document.createElement("textarea");
			area.value = text;
			document.body.append(area);
			area.select();
			document.execCommand("copy");
			area.remove();
		}
		byId("said").textContent = count + (count === 1 ? " row" : " rows") + " copied; durations in microseconds";
	};

	/* Ladders */

	const showLadder = (scroll) => {
		const number = view.get("open");
		for (const ladder of document.querySelectorAll(".ladder"))
			ladder.open = ladder.id === "ladder-" + number;
		for (const row of rows)
			row.classList.toggle("open", row.dataset.number === number);
		const ladder = number === undefined ? null : byId("ladder-" + number);
		if (ladder && scroll) {
			ladder.scrollIntoView({block: "nearest"});
			ladder.querySelector("summary").focus({preventScroll: true});
		}
	};

	/* Lanes */

	const panel = byId("lane-panel");
	const whole = panel ? Number(panel.dataset.length) : 0;
	const bars = panel ? [...panel.querySelectorAll(".lane rect")].map((bar) =>
		({bar, from: Number(bar.dataset.a), to: Number(bar.dataset.b)})) : [];

	const range = () => {
		const from = Number(view.get("from") ?? 0), to = Number(view.get("to") ?? whole);
		return Number.isFinite(from) && Number.isFinite(to) && to > from ? [from, to] : [0, whole];
	};

	const duration = (us) => us < 1e3 ? us.toFixed(0) + "us" : us < 1e6 ? (us / 1e3).toFixed(1) + "ms"
		: us < 1e8 ? (us / 1e6).toFixed(1) + "s" : us < 7.2e9 ? (us / 6e7).toFixed(0) + "m" : (us / 3.6e9).toFixed(1) + "h";

	const timeOfDay = (us) => {
		const at = Number(panel.dataset.begin) + us;
		return new Date(at / 1000).toISOString().slice(0, 19).replace("T", " ") +
			"." + String(Math.floor(((at % 1e6) + 1e6) % 1e6)).padStart(6, "0") + "Z";
	};

	const drawLanes = () => {
		if (!panel)
			return;
		const [from, to] = range(), length = to - from;
		for (const {bar, from: a, to: b} of bars) {
			const x = 100 * (a - from) / length;
			bar.setAttribute("x", (a > to ? x : Math.min(x, 99.75)) + "%");
			bar.setAttribute("width", Math.max(0.25, 100 * (b - a) / length) + "%");
		}
		byId("lane-from").textContent = timeOfDay(from);
		byId("lane-width").textContent = duration(length);
		byId("lane-to").textContent = timeOfDay(to);
	};

	const zoomTo = (from, to) => {
		const length = Math.min(whole, Math.max(10, to - from));
		const begin = Math.round(Math.max(0, Math.min(from, whole - length)));
		setView(length >= whole ? {from: null, to: null} : {from: begin, to: Math.round(begin + length)});
		drawLanes();
	};

	const zoom = (how) => {
		const [from, to] = range(), length = to - from;
		const steps = {in: [length / 4, -length / 4], out: [-length / 2, length / 2], left: [-length / 2, -length / 2],
			right: [length / 2, length / 2], all: [-whole, whole]};
		zoomTo(from + steps[how][0], to + steps[how][1]);
	};

	/* From where the button goes down to where it goes up. */
	const drag = (down) => {
		const svg = down.target.closest(".lane svg");
		if (!svg || down.button !== 0)
			return;
		const box = svg.getBoundingClientRect();
		const share = (event) => Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
		const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
		const draw = (event) => {
			const a = share(down), b = share(event);
			mark.setAttribute("x", 100 * Math.min(a, b) + "%");
			mark.setAttribute("width", 100 * Math.abs(a - b) + "%");
		};
		mark.setAttribute("height", "14");
		mark.setAttribute("class", "chosen");
		svg.append(mark);
		svg.setPointerCapture(down.pointerId);
		svg.addEventListener("pointermove", draw);
		svg.addEventListener("pointerup", (up) => {
			const [from, to] = range(), a = share(down), b = share(up);
			svg.removeEventListener("pointermove", draw);
			mark.remove();
			if (Math.abs(a - b) > 0.01)
				zoomTo(from + Math.min(a, b) * (to - from), from + Math.max(a, b) * (to - from));
		}, {once: true});
	};

	/* All of it */

	const show = (scroll) => {
		byId("filter").value = view.get("filter") || "";
		sort();
		filter();
		showLadder(scroll);
		drawLanes();
	};

	heads.forEach((head, i) => {
		const button = document.createElement("button");
		button.type = "button";
		head.replaceChildren(button);
		button.addEventListener("click", () => {
			const again = view.get("sort") === names[i], number = head.classList.contains("n");
			const down = again ? view.get("down") !== "1" : number;
			setView({sort: names[i], down: down ? 1 : null});
			sort();
		});
	});
	byId("filter").addEventListener("input", (event) => {
		setView({filter: event.target.value});
		filter();
	});
	byId("csv").addEventListener("click", copyCsv);
	document.addEventListener("click", (event) => {
		const link = event.target.closest("[data-open]");
		const summary = event.target.closest(".ladder > summary");
		if (!link && !summary)
			return;
		event.preventDefault();
		setView({open: link ? link.dataset.open : null});
		showLadder(Boolean(link));
	});
	if (panel) {
		panel.addEventListener("pointerdown", drag);
		for (const button of panel.querySelectorAll("[data-zoom]"))
			button.addEventListener("click", () => zoom(button.dataset.zoom));
	}
	addEventListener("hashchange", () => {
		readView();
		if (location.hash.includes("=") || !location.hash)
			show(true);
	});
	readView();
	show(false);
})();
