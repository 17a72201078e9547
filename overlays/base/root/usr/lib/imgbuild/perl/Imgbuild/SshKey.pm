# A line of authorized_keys: options, type, key, comment. Lines that sshd would ignore silently are
# refused, as in imgbuild itself (src/define/kind/ssh_key.rs), where the sources of the rules are.
package Imgbuild::SshKey;
use v5.36;
use Imgbuild::Kind;
use Imgbuild::Network;

my $MAX_LEN = 16 * 1024;
my $DAMAGED = "its key is damaged: copy the whole line\n";
# A word that can only be the type of a key.
my $TYPE = qr/(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[^ \t=",]*(?=[ \t]|\z)/;
my $QUOTED = qr/"(?:\\"|[^"])*+"/;
my $OPTIONS = qr/(?:\\"|$QUOTED|[^ \t"])*+/;
# Options that sshd takes only once.
my $ONCE = qr/\A(?:command|from|principals)\z/i;
my $BASE64 =
    qr{(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?};
# The number of fields behind the type, and the curve, which is the first of them.
my %TYPES = (
    'ssh-ed25519' => [1],
    'sk-ssh-ed25519@openssh.com' => [2],
    'ssh-rsa' => [2],
    (map { ("ecdsa-sha2-$_" => [2, $_]) } qw(nistp256 nistp384 nistp521)),
    'sk-ecdsa-sha2-nistp256@openssh.com' => [3, 'nistp256'],
);

# Whether a setting is a key, or a list of keys.
sub is_kind_of ($definition) {
    my $items = $definition->{items} // $definition;
    return $items->{type} eq 'ssh-key';
}

sub is_private ($text) { return index($text, 'PRIVATE KEY-----') >= 0 }

# The keys of a list, which is written as a text or as an array of texts.
sub parts ($written) {
    return map { ref $_ ? $_ : lines_of($_, 0) } @$written if ref $written;
    return lines_of($written, 1);
}

# The keys of a text, one a line. With `$commas`, a comma that a key follows also ends one; any
# other comma belongs to options or to a comment.
sub lines_of ($text, $commas) {
    return $text if is_private($text);
    my @lines;
    for my $line (split /\n/, $text =~ s/\A\xef\xbb\xbf//r) {
        next if $line =~ /\A[ \t\r]*\z|\A[ \t]*#/;
        while ($commas && defined(my $at = next_key($line))) {
            push @lines, substr $line, 0, $at;
            $line = substr $line, $at + 1;
        }
        push @lines, $line;
    }
    return map { trimmed($_) } @lines;
}

sub trimmed ($text) { return $text =~ s/\A[ \t\r\n]+//r =~ s/[ \t\r\n]+\z//r }

# The place of the comma behind which the second key of a line begins; undef if it has only one.
sub next_key ($line) {
    my (undef, $rest) = split_options($line) or return undef;
    pos($line) = length($line) - length $rest;
    while ($line =~ /,/g) {
        my $at = pos $line;
        my (undef, $next) = split_options(substr $line, $at);
        return $at - 1 if defined $next && $next =~ /\A[ \t]*$TYPE[ \t]+AAAA/;
    }
    return undef;
}

# The options of a line, which may have none, and what follows them.
sub split_options ($text) {
    $text =~ s/\A[ \t]+//;
    return ('', $text) if $text =~ /\A$TYPE/;
    return $text =~ /\A($OPTIONS)(?=[ \t]|\z)(.*)\z/s ? ($1, $2) : ();
}

# The line that sshd is to read; dies with the reason why sshd would ignore it.
sub read ($kind, $text) {
    $text = trimmed($text);
    die "it is a private key, which stays with its owner; give the `.pub` file\n"
        if is_private($text);
    die "a file is read from the command line alone: `imgbuild-config set ssh-keys=\@FILE`\n"
        if $text =~ /\A@/;
    die "it has more than $MAX_LEN bytes\n" if length $text > $MAX_LEN;
    my ($options, $rest) = split_options($text) or die "a `\"` of its options is never closed\n";
    my ($type, $key, $comment) = $rest =~ /\A[ \t]*([^ \t]*)[ \t]*([^ \t]*)(.*)\z/s;
    die "it has no key\n" if $type eq '';
    check_key($type, $key);
    my $line = join ' ', grep { $_ ne '' } $options, $type, $key, trimmed($comment =~ tr/\t/ /r);
    die "it has a control character\n" if $line =~ $Imgbuild::Kind::CONTROL;
    check_options($kind->{kinds}, $options);
    return $line;
}

sub check_key ($type, $key) {
    die 'a certificate is for the client; here goes the key of its authority, '
        . "behind `cert-authority`\n"
        if $type =~ /-cert-v0/;
    die "sshd takes no keys of type `ssh-dss` any more\n" if $type eq 'ssh-dss';
    my ($fields, $curve) = @{$TYPES{$type} // die "`" . shortened($type) . "` is no type of key\n"};
    $key =~ /\A$BASE64\z/ or die $DAMAGED;
    my ($name, @content) = strings(decoded($key)) or die $DAMAGED;
    $name eq $type && @content == $fields or die $DAMAGED;
    return check_rsa($content[1]) if $type eq 'ssh-rsa';
    my $sound =
        defined $curve
        ? $content[0] eq $curve && $content[1] =~ /\A\x04/ && is_known("$type $key")
        : length $content[0] == 32;
    $sound or die $DAMAGED;
}

# The bytes of base64, by way of uuencode, which Perl itself decodes. perl-base has no MIME::Base64.
sub decoded ($text) {
    my $digits = $text =~ tr/=//dr =~ tr{A-Za-z0-9+/}{ -_}r;
    return join '',
        map { unpack 'u', chr(32 + int(length($_) * 3 / 4)) . $_ } $digits =~ /(.{1,60})/gs;
}

sub strings ($blob) {
    my @strings;
    while ($blob ne '') {
        my $length = length $blob >= 4 ? unpack 'N', $blob : return;
        return if length($blob) - 4 < $length;
        push @strings, substr $blob, 4, $length;
        $blob = substr $blob, 4 + $length;
    }
    return @strings;
}

sub check_rsa ($modulus) {
    my $bits = length(unpack('B*', $modulus) =~ s/\A0+//r);
    die $DAMAGED if $bits == 0 || $modulus =~ /\A[\x80-\xff]/;
    die "its RSA key has $bits bits, and sshd takes 1024 to 16384\n"
        if $bits < 1024 || $bits > 16384;
}

# Whether ssh-keygen accepts a key: Perl's own numbers are too small to tell whether a point lies on
# its curve.
sub is_known ($line) {
    local $SIG{PIPE} = 'IGNORE';
    open my $input, '|-', 'ssh-keygen -l -f - > /dev/null 2>&1'
        or die "cannot start ssh-keygen: $!\n";
    print {$input} "$line\n";
    close $input;
    die "ssh-keygen is missing, which says whether the key is one\n" if $? >> 8 == 127;
    return $? == 0;
}

# `%$kinds`: the kinds of the options by name; `flag` is the kind of options without a value.
sub check_options ($kinds, $text) {
    my %seen;
    for my $option (grep { $_ ne '' } $text =~ /\G((?:\\"|$QUOTED|[^,"])*+)(?:,|\z)/g) {
        my ($written, $value) = $option =~ /\A([^=]*)=(.*)\z/s;
        my $name = lc($written // $option);
        if (!defined $value) {
            defined Imgbuild::Kind::meaning($kinds->{flag}, $option) or die unknown($option);
        } else {
            $name ne 'flag' && $kinds->{$name} or die unknown($written);
            $value =~ /\A$QUOTED\z/ or die "the value of `$written` is not in quotes\n";
            $value = substr($value, 1, -1) =~ s/\\"/"/gr;
            check_from($value) if $name eq 'from';
            # The texts of the options that are taken once are the business of their owner.
            $name =~ $ONCE || defined Imgbuild::Kind::meaning($kinds->{$name}, $value)
                or die "the value of `$written` is not $kinds->{$name}{expected}\n";
            die "the option `$written` is there twice\n" if $seen{$name} && $name =~ $ONCE;
        }
        $seen{$name} = 1;
    }
    die "`principals` lets nobody in without `cert-authority` beside it\n"
        if $seen{principals} && !$seen{'cert-authority'};
}

sub unknown ($option) { return 'sshd knows no option `' . shortened($option) . "`\n" }

# sshd refuses a login if one network of the list has bits behind its prefix. It lets in only those
# who are named without `!`.
sub check_from ($list) {
    die '`from` lets nobody in; expected somebody without `!`, as in `*,'
        . shortened($list) . "`\n"
        if $list =~ /\A![^,]*(?:,![^,]*)*\z/;
    for ($list eq '' ? '' : split /,/, $list, -1) {
        my $pattern = s/\A!//r;
        die "the list of `from` has nothing between two commas\n" if $pattern eq '';
        next if $pattern !~ m{/};
        my ($address, $prefix) = $pattern =~ m{\A([^/]*)/(0|[1-9][0-9]{0,2})\z};
        my $shown = '`' . shortened($pattern) . '` of `from`';
        my $bits = defined $address ? Imgbuild::Network::bits($address) : undef;
        die "$shown is not a network\n" if !defined $bits || $prefix > length $bits;
        die "$shown has bits behind its prefix\n" if substr($bits, $prefix) =~ /1/;
    }
}

# A word as messages show it.
sub shortened ($word) {
    return "\xe2\x80\xa6" if $word !~ /\A[!-~]*\z/;
    return length $word > 40 ? substr($word, 0, 40) . "\xe2\x80\xa6" : $word;
}

1;
