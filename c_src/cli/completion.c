/*
 * The completion script for bash. It needs no bash-completion package: it reads COMP_LINE itself, since
 * readline breaks words at the @ of node names and the = of --option=value.
 */
#include <string.h>

#include "cli/help.h"
#include "discovery/discovery.h"

/* A function that prints how a KIND[:OPTIONS] may go on. */
static void put_discover(FILE *out) {
    fputs("__hermod_discover() {\n"
          "    local key keys base=${1%\"${1##*[:,]}\"}\n"
          "    case $1 in\n",
          out);
    for (size_t i = 0; discovery_strategies[i]; i++) {
        fprintf(out, "        %s:*) keys='", discovery_strategies[i]->kind);
        for (const struct discovery_key *key = discovery_strategies[i]->keys; key && key->name; key++)
            fprintf(out, "%s%s%s", key == discovery_strategies[i]->keys ? "" : " ", key->name, key->kind == KEY_FLAG ? "" : "=");
        fputs("' ;;\n", out);
    }
    fputs("        *) echo '", out);
    for (size_t i = 0; discovery_strategies[i]; i++)
        fprintf(out, "%s%s%s", i ? " " : "", discovery_strategies[i]->kind, discovery_strategies[i]->operands ? ":" : "");
    fputs("'; return ;;\n"
          "    esac\n"
          "    for key in $keys; do echo \"$base$key\"; done\n"
          "}\n\n",
          out);
}

static void put_cases(FILE *out, const struct command *command) {
    fprintf(out, "        %s) options='", command->name);
    const char *sep = "";
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].commands & command->bit) {
            fprintf(out, "%s--%s", sep, option_table[i].name);
            sep = " ";
        }
    fputs("' ;;\n", out);
}

/* How many arguments that are no options stand before the cursor. */
static void put_count_operands(FILE *out) {
    fputs("    for word in \"${all[@]:2}\"; do\n"
          "        if [ -n \"$skip\" ]; then\n"
          "            skip=\n"
          "            continue\n"
          "        fi\n"
          "        case $word in\n"
          "            -h | --*=*", out);
    for (size_t i = 0; i < option_count; i++)
        if (!option_table[i].value)
            fprintf(out, " | --%s", option_table[i].name);
    fputs(") ;;\n"
          "            --*) skip=1 ;;\n"
          "            *) operands=$((operands + 1)) ;;\n"
          "        esac\n"
          "    done\n", out);
}

/* Those whose first argument is a node. */
static void put_node_commands(FILE *out) {
    const char *sep = "";
    for (size_t i = 0; commands[i]; i++)
        if (strncmp(commands[i]->arguments, "NODE", 4) == 0 || strncmp(commands[i]->arguments, "[NODE]", 6) == 0) {
            fprintf(out, "%s%s", sep, commands[i]->name);
            sep = " | ";
        }
}

static void put_value_cases(FILE *out) {
    for (size_t i = 0; i < option_count; i++) {
        const struct option *option = &option_table[i];
        const char *name = option->name;
        if (option->choices) {
            fprintf(out, "        --%s) words='", name);
            for (const char *c = option->choices; *c; c++)
                fputc(*c == '|' ? ' ' : *c, out);
            fputs("' ;;\n", out);
        } else if (option->words) {
            fprintf(out, "        --%s) words='", name);
            for (const char *const *word = option->words(); *word; word++)
                fprintf(out, "%s ", *word);
            fputs("' ;;\n", out);
        } else if (option->kind == KIND_BOOL) {
            fprintf(out, "        --%s) words='true false' ;;\n", name);
        } else if (option->kind == KIND_FILE || strcmp(name, "load") == 0) {
            fprintf(
                out,
                "        --%s) COMPREPLY=($(compgen -f -- \"$value\")); compopt -o filenames; return ;;\n",
                name);
        } else if (option->value && strcmp(option->value, "NODE") == 0) {
            fprintf(out, "        --%s) words=$(__hermod_nodes) ;;\n", name);
        } else if (strcmp(name, "discover") == 0) {
            fputs("        --discover) words=$(__hermod_discover \"$value\"); compopt -o nospace 2>/dev/null ;;\n", out);
        } else if (option->value) {
            fprintf(out, "        --%s) return ;;\n", name);
        }
    }
}

void help_bash(FILE *out) {
    fputs("# bash completion for hermod: source <(hermod --completion bash)\n\n"
          "__hermod_nodes() {\n"
          "    \"${all[0]/#\\~/$HOME}\" names --quiet 2>/dev/null\n"
          "}\n\n",
          out);
    put_discover(out);
    fputs("__hermod() {\n"
          "    local line=${COMP_LINE:0:COMP_POINT} cur prev command options words value given prefix word skip operands=0\n"
          "    local -a all\n"
          "    COMPREPLY=()\n"
          "    cur=${line##*[[:space:]]}\n"
          "    read -ra all <<<\"${line%\"$cur\"}\"\n"
          "    command=${all[1]-} prev=${all[${#all[@]} - 1]} given=${#all[@]}\n\n"
          "    if [ \"$given\" -le 1 ]; then\n"
          "        words='",
          out);
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "%s ", commands[i]->name);
    fputs("help --help --version --man --completion'\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case $command in\n",
          out);
    for (size_t i = 0; commands[i]; i++)
        put_cases(out, commands[i]);
    fputs("        help) COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "%s%s", i ? " " : "", commands[i]->name);
    fputs("' -- \"$cur\")); return ;;\n"
          "        --completion) COMPREPLY=($(compgen -W bash -- \"$cur\")); return ;;\n"
          "        *) return ;;\n"
          "    esac\n\n",
          out);
    put_count_operands(out);
    fputs("    value=$cur prefix=\n"
          "    case $cur in\n"
          "        --*=*) prev=${cur%%=*} value=${cur#*=} prefix=$prev= ;;\n"
          "    esac\n"
          "    case $prev in\n",
          out);
    put_value_cases(out);
    fputs(
        "        *)\n"
        "            case $cur in\n"
        "                -*) words=$options ;;\n"
        "                *) case $command in\n"
        "                       ",
        out);
    put_node_commands(out);
    fputs(
        ") [ $operands -eq 0 ] && words=$(__hermod_nodes) ;;\n"
        "                       discover) words=$(__hermod_discover \"$cur\"); compopt -o nospace 2>/dev/null ;;\n"
        "                   esac ;;\n"
        "            esac ;;\n"
        "    esac\n"
        "    COMPREPLY=($(compgen -W \"$words\" -P \"$prefix\" -- \"$value\"))\n\n"
        "    # Readline replaces only what follows its last word break, and the break itself if it is an @.\n"
        "    local breaks=${COMP_WORDBREAKS//[^@=:]/} tail\n"
        "    if [ -n \"$breaks\" ]; then\n"
        "        tail=${cur##*[$breaks]}\n"
        "        [[ ${cur%\"$tail\"} == *@ ]] && tail=@$tail\n"
        "        prefix=${cur%\"$tail\"}\n"
        "        COMPREPLY=(\"${COMPREPLY[@]#\"$prefix\"}\")\n"
        "    fi\n"
        "}\n\n"
        "complete -F __hermod hermod\n",
        out);
}
