/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/completion.c: shell completion from the option table. Options that are refused stay out. */
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"

static bool is_file(const struct key *k)
{
	return k->values && (!strcmp(k->values, "FILE") || !strcmp(k->values, "PATH"));
}

/* "path= readonly= tty", what may follow an option; or the choices of a plain one. */
static void add_words(struct str *out, const struct option *o)
{
	const char *sep = "";

	for (const struct key *k = o->keys; k && k->name; k++) {
		if (k->support == REFUSED)
			continue;
		str_add(out, "%s%s%s", sep, k->name, k->type == V_NONE ? "" : "=");
		sep = " ";
	}
}

static void add_long(struct str *out, const struct option *o)
{
	bool letter_only = o->letter && !o->self.name[1];

	str_add(out, "%s%s", letter_only ? "-" : "--", o->self.name);
}

static const char bash_body[] =
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} opt= i words=\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = COMP_CWORD - 1; i > 0; i--)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t-*) opt=${COMP_WORDS[i]}; break ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ $cur == = || $prev == = ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"${cur#=}\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tif [[ $cur == -* ]]; then\n"
	"\t\twords=$options\n"
	"\telse\n"
	"\t\tcase $opt in\n";

static const char bash_end[] = "\t\t'') [[ $COMP_CWORD == 1 ]] && words=$verbs ;;\n"
			       "\t\tesac\n"
			       "\t\tcase $prev in\n"
			       "\t\thelp) words=\"$verbs ${options//--/}\" ;;\n"
			       "\t\tcompletion) words='bash zsh fish' ;;\n"
			       "\t\tdoctor) words=--json ;;\n"
			       "\t\tesac\n"
			       "\tfi\n"
			       "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
			       "\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
			       "}\n"
			       "complete -F _oriel oriel\n";

static void add_verbs(struct str *out)
{
	for (const struct command *c = commands; c->name; c++)
		str_add(out, "%s%s", c == commands ? "" : " ", c->name);
}

static void bash_script(struct str *out)
{
	str_add(out, "# bash completion for oriel\n_oriel()\n{\n\tlocal options='");
	for (const struct option *o = options; o->self.name; o++) {
		if (o->self.support == REFUSED)
			continue;
		add_long(out, o);
		str_add(out, " ");
	}
	str_add(out, "' verbs='");
	add_verbs(out);
	str_add(out, "'\n%s", bash_body);
	for (const struct option *o = options; o->self.name; o++) {
		if (o->self.support == REFUSED || o->self.type == V_NONE)
			continue;
		str_add(out, "\t\t");
		add_long(out, o);
		if (o->keys) {
			str_add(out, ") words='");
			add_words(out, o);
			str_add(out, "' ;;\n");
		} else {
			str_add(out,
				") mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n");
		}
	}
	str_add(out, "%s", bash_end);
}

/* @text for a place where the characters of @special need a backslash; ' becomes '\''. */
static void add_escaped(struct str *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			str_add(out, "'\\''");
		else
			str_add(out, "%s%c", strchr(special, *text) ? "\\" : "", *text);
	}
}

static void zsh_script(struct str *out)
{
	str_add(out, "#compdef oriel\n_oriel() {\n"
		     "\tif (( CURRENT == 2 )) && [[ ${words[2]} != -* ]]; then\n\t\tcompadd ");
	add_verbs(out);
	str_add(out, "\n\t\treturn\n\tfi\n\t_arguments -s \\\n");
	for (const struct option *o = options; o->self.name; o++) {
		if (o->self.support == REFUSED)
			continue;
		str_add(out, "\t\t'%s", o->list || o->letter == 'v' ? "*" : "");
		add_long(out, o);
		str_add(out, "[");
		add_escaped(out, o->self.help, "[]:\\");
		str_add(out, "]");
		if (o->self.type != V_NONE) {
			str_add(out, ":");
			add_escaped(out, key_form(&o->self), "[]:\\");
			if (o->keys) {
				str_add(out, ":(");
				add_words(out, o);
				str_add(out, ")");
			} else {
				str_add(out, ":%s", is_file(&o->self) ? "_files" : "");
			}
		}
		str_add(out, "' \\\n");
	}
	str_add(out, "\t\t'1:verb:(");
	add_verbs(out);
	str_add(out, ")'\n}\n_oriel \"$@\"\n");
}

static void fish_script(struct str *out)
{
	str_add(out, "# fish completion for oriel\n");
	for (const struct command *c = commands; c->name; c++)
		str_add(out, "complete -c oriel -n __fish_use_subcommand -f -a %s -d '%s'\n",
			c->name, c->summary);
	str_add(out, "complete -c oriel -n '__fish_seen_subcommand_from completion' -f -a 'bash "
		     "zsh fish'\n");
	for (const struct option *o = options; o->self.name; o++) {
		bool letter_only = o->letter && !o->self.name[1];

		if (o->self.support == REFUSED)
			continue;
		str_add(out, "complete -c oriel");
		if (!letter_only)
			str_add(out, " -l %s", o->self.name);
		if (o->letter)
			str_add(out, " -s %c", o->letter);
		if (o->keys) {
			str_add(out, " -x -a '");
			add_words(out, o);
			str_add(out, "'");
		} else if (o->self.type != V_NONE) {
			str_add(out, is_file(&o->self) ? " -r -F" : " -x");
		}
		str_add(out, " -d '");
		for (const char *s = o->self.help; *s; s++)
			str_add(out, "%s%c", *s == '\'' || *s == '\\' ? "\\" : "", *s);
		str_add(out, "'\n");
	}
}

bool completion_script(struct str *out, const char *shell)
{
	if (!strcmp(shell, "bash"))
		bash_script(out);
	else if (!strcmp(shell, "zsh"))
		zsh_script(out);
	else if (!strcmp(shell, "fish"))
		fish_script(out);
	else
		return false;
	return true;
}
